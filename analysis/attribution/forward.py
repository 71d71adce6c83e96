"""One forward pass whose named layers stay in the graph, for gradients to and from them; the network is left as it was.

`analysis.activations.recorded` hands out detached copies; this is its counterpart for attribution, with the same names.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.activations import INPUT, Layer, as_maps, expand
from analysis.attribution.rules import Rule, activation_rule
from analysis.evaluating import evaluating

Images = Float[Tensor, "images colors height width"]


@contextmanager
def forward(
    net: nn.Module, images: Images, layers: Sequence[str | None], rule: Rule = "gradient"
) -> Iterator[tuple[Images, list[Tensor]]]:
    """The images as a leaf of the graph, and the output of each layer as maps; None is the network's output.

    The pass runs in eval mode (batch norm with its running statistics: images do not mix) and goes through the
    outputs given, which an in-place operation behind the layer does not change. The context holds gradients enabled,
    also inside `torch.no_grad` and `torch.inference_mode`.
    Raises KeyError with the nearest name for an unknown layer, ValueError for a name of several layers and an output
    that is no map, tokens or vector of each image, RuntimeError for a layer that does not run, or runs more than once
    without a call being named.
    """
    with torch.inference_mode(False), torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        with evaluating(net), _tapped(net, layers) as outputs, activation_rule(net, rule):
            net(leaf.clone())  # a first layer may write in place, which a leaf refuses
        yield leaf, [_checked(name, outputs.get(place), len(images)) for place, name in enumerate(layers)]


def gradient(values: Float[Tensor, " images"], of: Tensor, names: tuple[str, str], keep: bool = False) -> Tensor:
    """Gradient of the sum of `values` in `of`. ValueError with both names where no differentiable path joins them."""
    if values.requires_grad:
        (found,) = torch.autograd.grad(values.sum(), of, allow_unused=True, retain_graph=keep)
        if found is not None:
            return found
    raise ValueError(f"No gradient goes from {names[0]} to {names[1]}: choose layers that lead to one another.")


@contextmanager
def _tapped(net: nn.Module, layers: Sequence[str | None]) -> Iterator[dict[int, Tensor]]:
    """Inside the context a forward pass puts a copy of each layer's output in its way and into the dictionary."""
    outputs: dict[int, Tensor] = {}
    modules = dict(net.named_modules())
    handles = []
    try:
        for place, name in enumerate(layers):
            layer = Layer("") if name is None else Layer.parse(_only(net, name))
            if name == INPUT and INPUT not in modules:
                handles.append(net.register_forward_pre_hook(_InputTap(place, outputs)))
            else:
                handles.append(modules[layer.module].register_forward_hook(_Tap(place, layer, outputs)))
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


class _InputTap:
    """Hook before the network itself."""

    def __init__(self, place: int, outputs: dict[int, Tensor]) -> None:
        self.place, self.outputs = place, outputs

    def __call__(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.outputs[self.place] = as_maps(inputs[0]).clone()
        return (self.outputs[self.place].clone(), *inputs[1:])


class _Tap:
    """Hook behind a layer."""

    def __init__(self, place: int, layer: Layer, outputs: dict[int, Tensor]) -> None:
        self.place, self.layer, self.outputs, self.calls = place, layer, outputs, 0

    def __call__(self, _module: nn.Module, _inputs: object, output: Any) -> Any:
        layer, call = self.layer, self.calls
        self.calls += 1
        if layer.call is None and call > 0:
            raise RuntimeError(
                f"Layer {layer.module} runs more than once in a forward pass: "
                f"name the call, {layer.module}@0 or {layer.module}@1."
            )
        if layer.call not in (None, call):
            return None
        item = layer.item if isinstance(output, tuple | list) else None
        found = output if item is None else dict(enumerate(output)).get(item)
        if not isinstance(found, Tensor):
            kind = type(output).__name__
            if not layer.module:
                raise TypeError(f"The network returns {kind}: name a layer instead.")
            raise TypeError(f"Layer {layer.module} returns {kind}: name a tensor in it, as {layer.module}:0.")
        kept = self.outputs[self.place] = as_maps(found).clone()
        passed_on = _as_before(kept.clone(), found.ndim)
        if item is None:
            return passed_on
        items = [passed_on if number == item else other for number, other in enumerate(output)]
        return getattr(type(output), "_make", type(output))(items)  # a named tuple, tuple or list


def _as_before(maps: Float[Tensor, "samples channels height width"], ndim: int) -> Tensor:
    """`as_maps` undone."""
    if ndim == 3:
        return maps.flatten(2).transpose(1, 2)
    return maps.flatten(1) if ndim == 2 else maps


def _only(net: nn.Module, name: str) -> str:
    names = expand(net, [name])
    if len(names) > 1:
        raise ValueError(f"Layer {name!r} names {len(names)} layers, {names[0]}, {names[1]} ...: name one.")
    return names[0]


def _checked(name: str | None, output: Tensor | None, images: int) -> Tensor:
    if output is None:
        raise RuntimeError(f"Layer {name} did not run in the forward pass: choose another layer.")
    if len(output) != images:
        where = "The network" if name is None else f"Layer {name}"
        raise ValueError(f"{where} gives {len(output)} samples for {images} images: choose a layer with one of each.")
    return output
