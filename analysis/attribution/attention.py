"""Attention weights of every head, whichever fused path the network takes.

Nobody hands these weights out: `nn.MultiheadAttention` is called with `need_weights=False`, and fused kernels never
hold them. Asking the call for its weights, or a hook on it, would send the network down another path with other last
bits. Here each module's `forward` is shadowed by one that runs the same call untouched and then computes the weights
from the same inputs.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from analysis.attribution.attention_weights import Weights, dot_product_weights, multihead_weights

Forward = Callable[..., Any]


@contextmanager
def recorded_attention(net: nn.Module) -> Iterator[dict[str, Weights]]:
    """Inside the context every forward pass of `net` fills the dictionary with the weights of each attention module.

    Known are `nn.MultiheadAttention` (torchvision's ViTs, `nn.Transformer`) and the attention of timm's blocks, by the
    name of the module; a module's second call in a pass is `name@1`. Rows sum to 1, before dropout; keys that a module
    adds (`bias_k`, `add_zero_attn`) come last. Outputs keep their bits and the network is left as it was.
    Raises ValueError for a network without such modules.
    """
    record = _Record()
    shadows = list(record.shadows(net))
    if not shadows:
        raise ValueError(f"{type(net).__name__} has neither nn.MultiheadAttention nor timm's attention: choose a ViT.")
    with ExitStack() as stack:
        for module, shadow in [*shadows, (net, record.restarted)]:
            stack.enter_context(_shadowed(module, shadow))
        yield record.found


class _Record:
    """The weights of one pass. Its methods stand in for a module's `forward`, which they are given and call once."""

    def __init__(self) -> None:
        self.found: dict[str, Weights] = {}
        self.calls: Counter[str] = Counter()

    def keep(self, name: str, weights: Weights) -> None:
        call = self.calls[name]
        self.found[f"{name}@{call}" if call else name] = weights
        self.calls[name] += 1

    def shadows(self, net: nn.Module) -> Iterator[tuple[nn.Module, Forward]]:
        names = {module: name for name, module in net.named_modules()}
        for module, name in names.items():
            if isinstance(module, nn.MultiheadAttention):
                yield module, partial(self.multihead, name, module)
            elif isinstance(module, nn.TransformerEncoderLayer):
                yield module, partial(self.encoder_layer, names[module.self_attn], module)
            elif hasattr(module, "fused_attn"):
                yield module, partial(self.timm, name)

    def restarted(self, forward: Forward, *args: Any, **kwargs: Any) -> Any:
        self.found.clear()
        self.calls.clear()
        return forward(*args, **kwargs)

    def multihead(
        self, name: str, module: nn.MultiheadAttention, forward: Forward, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        output = forward(*args, **kwargs)
        self.keep(name, multihead_weights(module, *args, **kwargs))
        return output

    def encoder_layer(
        self,
        name: str,
        layer: nn.TransformerEncoderLayer,
        forward: Forward,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        before = self.calls[name]
        output = forward(src, src_mask, src_key_padding_mask, is_causal)
        if self.calls[name] == before:  # in eval mode without gradients one kernel computes the whole layer
            x, padding = _padded(src) if src.is_nested else (src, src_key_padding_mask)
            with torch.no_grad():
                x = layer.norm1(x) if layer.norm_first else x
            self.keep(name, multihead_weights(layer.self_attn, x, x, x, padding, attn_mask=src_mask))
        return output

    def timm(self, name: str, forward: Forward, *args: Any, **kwargs: Any) -> Any:
        with _Watch(partial(self.keep, name)):
            return forward(*args, **kwargs)


def _padded(nested: Tensor) -> tuple[Float[Tensor, "samples tokens units"], Tensor]:
    """`nn.TransformerEncoder` drops padding by nested tensors: back to a rectangle as wide as the longest sample."""
    lengths = torch.tensor([len(sample) for sample in nested.unbind()], device=nested.device)
    x = nested.to_padded_tensor(0.0)
    return x, torch.arange(x.shape[1], device=x.device) >= lengths[:, None]


class _Watch(TorchFunctionMode):
    """Sees the one call that makes the weights: softmax, or the fused kernel in place of it."""

    def __init__(self, keep: Callable[[Weights], None]) -> None:
        super().__init__()
        self.keep = keep

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if func is nn.functional.scaled_dot_product_attention:
            self.keep(dot_product_weights(*args, **kwargs))
        elif getattr(func, "__name__", "") == "softmax":
            self.keep(output.detach().clone())
        return output


@contextmanager
def _shadowed(module: nn.Module, shadow: Forward) -> Iterator[None]:
    """An attribute `forward` of the instance hides the method of its class; torch's fast paths do not look for one."""
    own = vars(module).get("forward")
    module.forward = partial(shadow, module.forward)
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
