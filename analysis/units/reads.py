"""What the elements of a tensor read of the image: exact boxes, and the lattice on which unclipped fields repeat.

A box per element survives every operation, reshapes and attention included. A lattice is what a map of a plain
convolutional network has besides: the field of position p is that of position 0, moved by p strides, padding included.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


class Window(NamedTuple):
    """Along one axis, output o reads inputs `o * stride - padding + k * dilation` for k below `kernel`."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Inputs from the first to the last one of a window."""
        return (self.kernel - 1) * self.dilation + 1


class Lattice(NamedTuple):
    """Along one axis, place p reads the `size` pixels from `start + stride * p` on, also beyond the image."""

    start: int
    stride: int
    size: int

    def renumbered(self, first: int, step: int) -> "Lattice":
        """Place 0 becomes the old place `first`, 1 the old `first + step`."""
        return Lattice(self.start + first * self.stride, self.stride * step, self.size)

    def through(self, window: Window) -> "Lattice":
        """The lattice of a map whose windows slide over the places of this one."""
        moved = self.renumbered(-window.padding, window.stride)
        return moved._replace(size=self.size + (window.extent - 1) * self.stride)


class Reads(NamedTuple):
    """What each element of a tensor reads."""

    bounds: Float[Tensor, "4 ..."]
    """First row, first column, minus the end row, minus the end column: of a union the minimum; inf: no pixel.

    float32, as pooling wants it: whole numbers to 2^24."""
    places: Float[Tensor, "2 ..."]
    """On which place of each lattice the element lies."""
    axes: tuple[Lattice | None, Lattice | None]
    """Lattices of rows and columns; None: no lattice fits, and each element counts as reading the whole image."""

    def each(self, change: Callable[[Tensor], Tensor]) -> "Reads":
        """The same move of elements in all parts."""
        bounds, places = (torch.stack([change(plane) for plane in planes]) for planes in self[:2])
        return Reads(bounds, places, self.axes)

    def shaped(self, *shape: int) -> "Reads":
        """The same elements in another shape."""
        return Reads(self.bounds.reshape(4, *shape), self.places.reshape(2, *shape), self.axes)

    def expanded(self, shape: Sequence[int]) -> "Reads":
        """Broadcast to `shape`."""
        full = self.shaped(*(1,) * (len(shape) - self.bounds.ndim + 1), *self.bounds.shape[1:])
        return Reads(full.bounds.expand(4, *shape), full.places.expand(2, *shape), self.axes)

    def reduced(self, dims: Sequence[int]) -> "Reads":
        """The union along `dims`, which stay with size 1; a lattice survives where these elements share one place."""
        dims = [dim % (self.bounds.ndim - 1) + 1 for dim in dims]
        if not dims:  # which amin takes for all
            return self
        low, high = self.places.amin(dims, keepdim=True), self.places.amax(dims, keepdim=True)
        axes = [lattice if torch.equal(*ends) else None for lattice, *ends in zip(self.axes, low, high, strict=True)]
        return Reads(self.bounds.amin(dims, keepdim=True), low, (axes[0], axes[1]))


def image_reads(image: Float[Tensor, "1 channels height width"]) -> Reads:
    """Each pixel reads itself."""
    _, _, height, width = image.shape
    rows = torch.arange(height, dtype=torch.float32, device=image.device)[:, None].expand(image.shape)
    columns = torch.arange(width, dtype=torch.float32, device=image.device).expand(image.shape)
    bounds = torch.stack([rows, columns, -rows - 1, -columns - 1])
    return Reads(bounds, torch.stack([rows, columns]), (Lattice(0, 1, 1), Lattice(0, 1, 1)))


def union(parts: Sequence[Reads], shape: Sequence[int]) -> Reads:
    """An elementwise operation of several tensors that broadcast to `shape`."""
    parts = [part.expanded(shape) for part in parts]
    if len(parts) == 1:
        return parts[0]
    rows, columns = (_aligned([(part.places[axis], part.axes[axis]) for part in parts]) for axis in (0, 1))
    bounds = reduce(torch.minimum, (part.bounds for part in parts))
    return Reads(bounds, torch.stack([rows[0][0], columns[0][0]]), (rows[1], columns[1]))


def concatenated(parts: Sequence[Reads], dim: int) -> Reads:
    """Tensors behind one another along `dim` (from the end, negative)."""
    aligned = [_aligned([(part.places[axis], part.axes[axis]) for part in parts], dim) for axis in (0, 1)]
    places = torch.stack([torch.cat(places, dim) for places, _ in aligned])
    return Reads(torch.cat([part.bounds for part in parts], dim), places, (aligned[0][1], aligned[1][1]))


def slid(reads: Reads, windows: Sequence[Window], size: Sequence[int]) -> Reads:
    """Windows that slide over each channel of maps (N, C, H, W), to maps of `size`."""
    bounds = reads.bounds
    sides = list[int]()
    for window, inputs, outputs in zip(windows[::-1], bounds.shape[:-3:-1], size[::-1], strict=True):
        # Negative where the last inputs are in no window; positive also for a last window that is rounded up.
        sides += [window.padding, (outputs - 1) * window.stride + window.extent - inputs - window.padding]
    padded = functional.pad(bounds, sides, value=math.inf)
    kernels, strides, _, dilations = (list(numbers) for numbers in zip(*windows, strict=True))
    lowest = -functional.max_pool2d(-padded.flatten(0, 1), kernels, strides, dilation=dilations)
    axes = [lattice and lattice.through(window) for lattice, window in zip(map_lattices(reads), windows, strict=True)]
    return _renewed(lowest.unflatten(0, bounds.shape[:2]), axes)


def regathered(reads: Reads, sets: Sequence[list[list[int]]], ratios: Sequence[Fraction]) -> Reads:
    """Maps whose output row o reads the input rows `sets[0][o]`, likewise columns: uneven bins, upsampling.

    `ratios`: inputs an output advances by. Where windows are unlike, the lattice covers each of them with less than
    one more position; no lattice fits where its stride would not be a whole number of pixels.
    """
    bounds, axes = reads.bounds, list[Lattice | None]()
    for axis, lattice in enumerate(map_lattices(reads)):
        dim, inputs = axis - 2, bounds.shape[axis - 2]
        ended = functional.pad(bounds, (0, 0, 0, 1) if axis == 0 else (0, 1), value=math.inf)  # for empty sets
        indices = [torch.tensor([*places, inputs], device=bounds.device) for places in sets[axis]]
        bounds = torch.stack([ended.index_select(dim, index).amin(dim) for index in indices], dim)
        axes.append(lattice and _covering(lattice, sets[axis], ratios[axis]))
    return _renewed(bounds, axes)


def bordered(reads: Reads, sides: Sequence[int], bounds: Tensor) -> Reads:
    """Borders of `sides` (as in `torch.nn.functional.pad`) with the bounds given; the lattice goes on beneath them."""
    planes = []
    for axis, plane in enumerate(reads.places):
        for number in range(len(sides) // 2):
            dim = plane.ndim - 1 - number
            plane = _extended(plane, dim, sides[2 * number], sides[2 * number + 1], alone=float(number == 1 - axis))
        planes.append(plane)
    return Reads(bounds, torch.stack(planes), reads.axes)


def map_lattices(reads: Reads) -> list[Lattice | None]:
    """Of maps (N, C, H, W), lattices whose place y is row y and place x is column x; None where there is none."""
    found = list[Lattice | None]()
    for axis, (plane, lattice) in enumerate(zip(reads.places, reads.axes, strict=True)):
        lines = plane.movedim(axis - 2, -1)
        head = lines[(0,) * (lines.ndim - 1)].tolist()
        steps = {after - before for before, after in pairwise(head)} or {1}
        if lattice is None or len(steps) > 1 or bool((lines != lines[(0,) * (lines.ndim - 1)]).any()):
            found.append(None)
        else:
            found.append(lattice.renumbered(int(head[0]), int(steps.pop())))
    return found


def _renewed(bounds: Tensor, axes: Sequence[Lattice | None]) -> Reads:
    """Maps on lattices of their own."""
    rows = torch.arange(bounds.shape[-2], dtype=bounds.dtype, device=bounds.device)[:, None].expand(bounds.shape[1:])
    columns = torch.arange(bounds.shape[-1], dtype=bounds.dtype, device=bounds.device).expand(bounds.shape[1:])
    return Reads(bounds, torch.stack([rows, columns]), (axes[0], axes[1]))


def _aligned(parts: list[tuple[Tensor, Lattice | None]], dim: int | None = None) -> tuple[list[Tensor], Lattice | None]:
    """Places on one lattice that holds the fields of all parts; they are compared at index 0 of `dim`."""
    places = [place for place, _ in parts]
    lattices = [lattice for _, lattice in parts if lattice is not None]
    if len(lattices) < len(parts):
        return places, None

    def agree() -> bool:
        heads = [place if dim is None else place.select(dim, 0) for place in places]
        same = all(head.shape == heads[0].shape and torch.equal(head, heads[0]) for head in heads)
        return same and len({lattice.stride for lattice in lattices}) == 1

    if not agree():
        places, lattices = map(list, zip(*map(_from_zero, places, lattices), strict=True))
        if not any(bool(place.any()) for place in places):  # one place has no next one: any stride is right
            stride = max(lattice.stride for lattice in lattices)
            lattices = [lattice._replace(stride=stride) for lattice in lattices]
        if not agree():
            return places, None
    start = min(lattice.start for lattice in lattices)
    end = max(lattice.start + lattice.size for lattice in lattices)
    return places, Lattice(start, lattices[0].stride, end - start)


def _from_zero(place: Tensor, lattice: Lattice) -> tuple[Tensor, Lattice]:
    """Places counted from 0 by 1, where a slice has left out the first or every other one."""
    held = place.unique().tolist()
    steps = {int(after - before) for before, after in pairwise(held)} or {1}
    if len(steps) > 1:
        return place, lattice
    first, step = int(held[0]), steps.pop()
    return (place - first) / step, lattice.renumbered(first, step)


def _covering(lattice: Lattice, sets: list[list[int]], ratio: Fraction) -> Lattice | None:
    """The smallest lattice of stride `lattice.stride * ratio` that holds what each output's set of places reads."""
    stride = lattice.stride * ratio
    if stride.denominator > 1 or (len(sets) == 1 and ratio > 1):  # one output of many places: a global pooling
        return None
    step, read = int(stride), [(o, places) for o, places in enumerate(sets) if places]
    start = min(lattice.start + lattice.stride * min(places) - step * o for o, places in read)
    end = max(lattice.start + lattice.stride * max(places) + lattice.size - step * o for o, places in read)
    return Lattice(start, step, end - start)


def _extended(plane: Tensor, dim: int, before: int, after: int, alone: float) -> Tensor:
    """Places go on beyond both ends in the steps that they have there, or by `alone` where there is a single one."""
    size = plane.shape[dim]
    index = torch.arange(-before, size + after, dtype=plane.dtype, device=plane.device)
    inside = index.clamp(0, size - 1)
    values = plane.index_select(dim, inside.long())
    step = plane.narrow(dim, 1, 1) - plane.narrow(dim, 0, 1) if size > 1 else alone
    return values + step * (index - inside).reshape(-1, *(1,) * (plane.ndim - 1 - dim))
