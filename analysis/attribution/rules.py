"""How a gradient dy passes an elementwise activation y = s(x) on its way back: three rules, one line each.

gradient: dx = dy s'(x). deconvnet: dx = dy [dy > 0], whatever x was (Zeiler & Fergus, 2014, arXiv:1311.2901).
guided: dx = dy [dy > 0] s'(x) (Springenberg et al., 2015, arXiv:1412.6806). The last two were written for ReLU, and
hold here for any activation of `ACTIVATIONS`. Softmax, normalization and pooling, max-pooling by its switches
included, keep their ordinary gradient.

Calls are replaced while the network runs, so `nn.ReLU`, `F.relu`, `torch.relu`, `x.relu_()` and `x.clamp(min=0)` obey
alike, in place or not. Not seen, and left with the ordinary gradient: an activation inside another call or written
out (`F.glu`, `torch.maximum(x, zero)`, `x * (x > 0)`; of `x * torch.sigmoid(x)` the sigmoid alone obeys), and what a
network's own autograd.Function computes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Rule = Literal["gradient", "deconvnet", "guided"]

ACTIVATIONS = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "hardtanh", "sigmoid", "hardsigmoid", "log_sigmoid", "special_expit", "tanh", "tanhshrink", "softplus", "softsign",
    "softshrink", "hardshrink", "threshold",
})  # fmt: skip
"""Names of torch's elementwise activations. A `clamp` whose lower bound is the number 0 is one too."""


@contextmanager
def activation_rule(net: nn.Module, rule: Rule) -> Iterator[None]:
    """Inside the context a forward pass builds a graph in which every activation follows `rule` on the way back.

    Raises ValueError, with the layer's name, for a layer whose activations cannot be reached.
    """
    if rule == "gradient":
        yield
        return
    _refuse_hidden(net, rule)
    with _Rewrite(rule):
        yield


class _Rewrite(TorchFunctionMode):
    """Calls each activation under the rule. Torch suspends the mode inside, so no activation is met twice."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "").partition(".")[0]  # torch.ops calls itself relu.default
        if not _is_activation(name.strip("_"), args, kwargs):
            return func(*args, **kwargs)
        x, rest = (args[0], args[1:]) if args else (kwargs.pop("input"), ())
        if not x.requires_grad:
            return func(x, *rest, **kwargs)
        in_place = kwargs.get("inplace", False) or name.endswith("_")

        def activation(x: Tensor) -> Tensor:
            return func(x.clone() if in_place else x, *rest, **kwargs)

        if self.rule == "deconvnet":
            y = _Deconvnet.apply(x, activation)
        else:
            y = activation(x)
            y.register_hook(torch.relu)
        # Every alias of x now has the new values, as after the call that was replaced, and the rule's gradient.
        return x.copy_(y) if in_place else y


class _Deconvnet(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
        return activation(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].relu(), None


def _is_activation(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if name in ("clamp", "clip", "clamp_min"):
        low = args[1] if len(args) > 1 else kwargs.get("min")
        return isinstance(low, int | float) and low == 0
    return name in ACTIVATIONS


def _refuse_hidden(net: nn.Module, rule: Rule) -> None:
    for name, module in net.named_modules():
        layer = f"Layer {name or 'net'} ({type(module).__name__})"
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            raise ValueError(f"{layer} hides its activations in one call, where {rule} cannot reach: use gradient.")
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(f"{layer} is TorchScript, where {rule} cannot reach: pass the Python module.")
