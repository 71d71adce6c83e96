"""Outputs of named layers, copied at the moment they are made.

A plain hook keeps a reference, and an in-place ReLU behind the layer then overwrites what was kept: a batch norm reads
as if it were rectified. Here every hook copies, through a `take` that may also sample, transpose or convert.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

T = TypeVar("T")

INPUT = "input"
"""The layer that is the network's own input, unless a module has that name."""


@dataclass(frozen=True)
class Layer:
    """A layer's output: the module's name, which item of a tuple (`name:1`), which of several calls (`name@0`)."""

    module: str
    item: int | None = None
    call: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Layer":
        """Read `module[:item][@call]`; ValueError where item or call is not a whole number."""
        rest, at, call = text.partition("@")
        module, colon, item = rest.partition(":")
        if (at and not call.isdigit()) or (colon and not item.isdigit()):
            raise ValueError(f"Layer {text!r}: write module, module:item or module@call with whole numbers.")
        return cls(module, int(item) if colon else None, int(call) if at else None)


def layer_names(net: nn.Module) -> list[str]:
    """Names of all modules that a hook can be set on, in the order of registration; the network itself is left out."""
    return [name for name, _ in net.named_modules() if name]


def expand(net: nn.Module, patterns: list[str] | tuple[str, ...]) -> list[str]:
    """Layers that `patterns` name, in the network's order, without repeats; globs are expanded, `input` is its input.

    Raises KeyError with the nearest name where a pattern matches nothing.
    """
    names, found = layer_names(net), list[tuple[str, str]]()
    for pattern in patterns:
        layer = Layer.parse(pattern)
        suffix = pattern[len(layer.module) :]
        hits = [name for name in names if fnmatchcase(name, layer.module)]
        if pattern == INPUT and not hits:
            hits = [INPUT]
        if not hits:
            close = get_close_matches(layer.module, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "its layers are " + ", ".join(names[:12]) + " ..."
            raise KeyError(f"layer {pattern!r} is not in the network: {hint}")
        found += [(name, name + suffix) for name in hits]
    place = {name: number for number, name in enumerate(names)}
    return list(dict.fromkeys(layer for _, layer in sorted(found, key=lambda hit: place.get(hit[0], -1))))


def as_maps(output: Tensor) -> Float[Tensor, "samples channels height width"]:
    """Any layer's output as maps: a vector has one position; tokens (samples, tokens, units) are positions.

    Raises ValueError for other ranks.
    """
    if output.ndim == 2:
        return output[:, :, None, None]
    if output.ndim == 3:
        return output.transpose(1, 2)[:, :, :, None]
    if output.ndim == 4:
        return output
    raise ValueError(f"An output of shape {tuple(output.shape)} is neither vectors, tokens nor maps.")


@contextmanager
def recorded(net: nn.Module, takes: Mapping[str, Callable[[Tensor], T]]) -> Iterator[dict[str, T]]:
    """Inside the context every forward pass of `net` fills the dictionary with `take(as_maps(output))` for each layer.

    `take` must return memory of its own (`torch.clone`, a gather, a conversion). Read the dictionary through
    `complete` after each pass. Raises RuntimeError from the forward pass where a module runs more than once and the
    layer does not say which call, and TypeError where the output is no tensor.
    """
    outputs: dict[str, T] = {}
    calls: Counter[str] = Counter()
    layers = {name: Layer.parse(name) for name in takes}
    modules = dict(net.named_modules())

    def hook_of(name: str, layer: Layer) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            call = calls[name]
            calls[name] += 1
            if layer.call is None and call > 0:
                raise RuntimeError(
                    f"Layer {name} runs more than once in a forward pass: name the call, {name}@0 or {name}@1."
                )
            if layer.call is None or layer.call == call:
                outputs[name] = takes[name](as_maps(_tensor(output, name, layer)))

        return hook

    def reset(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        outputs.clear()
        calls.clear()
        if INPUT in takes and INPUT not in modules:
            outputs[INPUT] = takes[INPUT](as_maps(inputs[0].detach()))

    hooked = {name: modules[layer.module] for name, layer in layers.items() if name != INPUT or INPUT in modules}
    handles = [net.register_forward_pre_hook(reset)]
    handles += [module.register_forward_hook(hook_of(name, layers[name])) for name, module in hooked.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def complete(outputs: Mapping[str, T], wanted: Mapping[str, object]) -> dict[str, T]:
    """All of `wanted` from a finished pass; RuntimeError names the layers that did not run."""
    missing = [name for name in wanted if name not in outputs]
    if missing:
        raise RuntimeError(f"Layer {', '.join(missing)} did not run in the forward pass: choose another layer.")
    return {name: outputs[name] for name in wanted}


def _tensor(output: object, name: str, layer: Layer) -> Tensor:
    if isinstance(output, tuple | list) and layer.item is not None:
        if layer.item >= len(output):
            raise TypeError(f"Layer {name} returns {len(output)} items: the index must be below that.")
        output = output[layer.item]
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"Layer {name} returns {type(output).__name__}: name a tensor in it, as {layer.module}:0.")
    return output.detach()
