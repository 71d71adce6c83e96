"""Which pixels does each element read? Followed through the operations that a network really runs, whoever calls them.

A shadow of each tensor's memory holds what its elements read (`reads.Reads`). It lies as the memory does, so that views
of any kind and writes in place need no rule; every other operation of torch has one in `operations`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from analysis.units.operations import SHAPE_ONLY, Call, followed
from analysis.units.reads import Lattice, Reads, image_reads


@dataclass
class Shadow:
    """What the elements of one piece of memory read."""

    bounds: Float[Tensor, "4 elements"]
    places: Float[Tensor, "2 elements"]
    axes: tuple[Lattice | None, Lattice | None]
    unknown: str = ""
    """The operation that made it, where that one has no rule."""


class ExecutedGraph(TorchDispatchMode):
    """Inside the context, operations on `image` and on all that follows from it are traced; `reads` tells of a tensor.

    Values do not matter: a weight of zero reads its input. Decisions of Python on values are not followed.
    """

    def __init__(self, image: Float[Tensor, "1 channels height width"]) -> None:
        super().__init__()
        self._shadows = WeakIdKeyDictionary()
        self._write(image, image_reads(image))

    def reads(self, tensor: Tensor, name: str) -> Reads:
        """What each element of a tensor reads; `name` is what messages call it.

        Raises ValueError where it does not depend on the image, or through an operation that is not known.
        """
        shadow = self._shadow(tensor)
        if shadow is None:
            raise ValueError(f"{name} does not depend on the image: choose another layer.")
        if shadow.unknown:
            raise ValueError(
                f"{name} depends on the image through {shadow.unknown}, whose receptive field is not known: "
                "choose a layer before it."
            )
        return _seen(tensor, shadow)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        traced = [shadow for tensor in _tensors([args, kwargs]) if (shadow := self._shadow(tensor)) is not None]
        # A view lies over the shadow of its memory; `squeeze_` and its like turn a tensor into one.
        written = func._schema.is_mutable and torch.Tag.inplace_view not in func.tags
        made = [tensor for tensor in _tensors(output) if written or self._shadow(tensor) is None]
        if traced and made:
            self._follow(func, args, kwargs or {}, traced, made)
        return output

    def _follow(self, func: Any, args: Any, kwargs: Any, traced: list[Shadow], made: list[Tensor]) -> None:
        arguments = func._schema.arguments
        given = {argument.name: argument.default_value for argument in arguments}
        positional = zip((argument.name for argument in arguments), args, strict=False)
        given |= {name: self._replaced(value) for name, value in [*positional, *kwargs.items()]}
        call = Call(func, given, made[0])
        if call.name in SHAPE_ONLY:
            return
        unknown = next((shadow.unknown for shadow in traced if shadow.unknown), "")
        reads = None if unknown else followed(call)
        for tensor in made:
            if reads is None:
                self._shadows[tensor.untyped_storage()] = _blank(tensor, unknown or str(func))
            elif tensor.shape == made[0].shape:
                self._write(tensor, reads)
            elif tensor.numel():  # statistics, of which it is enough to know that they are part of it
                every = reads.reduced(range(made[0].ndim)).shaped()
                self._write(tensor, every.expanded(tensor.shape))

    def _replaced(self, value: Any) -> Any:
        """An argument as the rules take it: a tensor that is traced is given by its reads."""
        if isinstance(value, Tensor):
            shadow = self._shadow(value)
            return value if shadow is None or shadow.unknown else _seen(value, shadow)
        return [self._replaced(item) for item in value] if isinstance(value, list | tuple) else value

    def _shadow(self, tensor: Tensor) -> Shadow | None:
        storage = tensor.untyped_storage()
        shadow: Shadow | None = self._shadows.get(storage)
        if shadow and shadow.places.shape[1] * tensor.element_size() != storage.nbytes():
            return _blank(tensor, "a view of another dtype")
        return shadow

    def _write(self, tensor: Tensor, reads: Reads) -> None:
        bounds, places, axes = reads
        shadow = self._shadow(tensor)
        if shadow is None:
            shadow = self._shadows[tensor.untyped_storage()] = _blank(tensor)
        else:
            bounds, places = bounds.clone(), places.clone()  # a write in place reads what it writes over
        if tensor.numel() == shadow.places.shape[1] or bool(shadow.bounds.isinf().all()):
            shadow.axes = axes
        else:  # a part of the memory: its places and those of the rest are on one lattice or on none
            rows, columns = (old if old == new else None for old, new in zip(shadow.axes, axes, strict=True))
            shadow.axes = rows, columns
        seen = _seen(tensor, shadow)
        seen.bounds.copy_(bounds)
        seen.places.copy_(places)


def _blank(tensor: Tensor, unknown: str = "") -> Shadow:
    """Memory that reads nothing of the image so far."""
    elements = tensor.untyped_storage().nbytes() // tensor.element_size()
    bounds = torch.full((4, elements), math.inf, device=tensor.device)
    return Shadow(bounds, torch.zeros_like(bounds[:2]), (None, None), unknown)


def _seen(tensor: Tensor, shadow: Shadow) -> Reads:
    """The part of the shadow that lies beneath a tensor, in its shape; a view."""
    planes = [
        part.as_strided((len(part), *tensor.shape), (part.shape[1], *tensor.stride()), tensor.storage_offset())
        for part in (shadow.bounds, shadow.places)
    ]
    return Reads(planes[0], planes[1], shadow.axes)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)
