"""Which pixels can a unit see? Exact receptive fields, computed on the graph that a network executes.

One pass with one image traces branches, strides, dilation, padding, sums, concatenations and functional operations
alike (`executed_graph`). A weight of zero counts as one that reads. The pixels that matter are fewer: the effective
receptive field is where the gradient's energy lies (Luo et al., 2016, arXiv:1701.04128).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.activations import complete, expand, recorded
from analysis.attribution.forward import forward, gradient
from analysis.evaluating import evaluating
from analysis.units.executed_graph import ExecutedGraph
from analysis.units.reads import Lattice, map_lattices

Shape = tuple[int, int, int]
Boxes = Int[np.ndarray, "height width 4"]
Edges = Float[np.ndarray, "height width"]


class Box(NamedTuple):
    """Rows from `top` to before `bottom`, columns from `left` to before `right`."""

    top: int
    left: int
    bottom: int
    right: int

    def clipped(self, height: int, width: int) -> "Box":
        """The part inside an image; without rows or columns where there is none."""
        top, bottom = (min(max(edge, 0), height) for edge in (self.top, self.bottom))
        left, right = (min(max(edge, 0), width) for edge in (self.left, self.right))
        return Box(top, left, bottom, right)


@dataclass(frozen=True)
class ReceptiveField:
    """Fields of all positions of a layer: those of one position, moved by whole strides. Axes are (rows, columns)."""

    size: tuple[int, int]
    """Height and width in pixels, unclipped."""
    stride: tuple[int, int]
    """Pixels from the field of a position to that of the next; 0 where all positions have the same."""
    start: tuple[int, int]
    """First row and column of position (0, 0); negative where its field begins in the padding."""

    def box(self, y: int, x: int) -> Box:
        """The field of position (y, x), unclipped: it may begin before the image and end beyond it."""
        top, left = self.start[0] + y * self.stride[0], self.start[1] + x * self.stride[1]
        return Box(top, left, top + self.size[0], left + self.size[1])

    def share(self, height: int, width: int) -> float:
        """How much of an image of this size a field covers where it lies inside as far as it can, 0-1."""
        return min(self.size[0], height) * min(self.size[1], width) / (height * width)


def receptive_field(net: nn.Module, layer: str, in_shape: Shape) -> ReceptiveField:
    """The receptive field of `layer` (module, module:item, module@call), as `receptive_fields` gives it."""
    return receptive_fields(net, [layer], in_shape)[layer]


def receptive_fields(net: nn.Module, layers: Sequence[str], in_shape: Shape) -> dict[str, ReceptiveField]:
    """Receptive fields of layers, globs allowed, for images (C, H, W), all by one pass in eval mode.

    A field in the interior is exact to the pixel: its hull where dilation leaves gaps. At the border its clipped box
    holds all that is read and may hold more; `exact_boxes` does not. Upsampled maps, whose fields differ, have the
    smallest field that holds each of them. Where no whole stride fits (bins of uneven size, tokens, windows that are
    shifted around) and behind what mixes all positions (global pooling, flatten and linear, attention), it is the whole
    image at stride 0.
    Raises KeyError with the nearest name for an unknown layer, RuntimeError for a layer that does not run, ValueError
    where the layer does not depend on the image or an operation before it is not known.
    """
    return {layer: found for layer, (found, _) in _traced(net, layers, in_shape).items()}


def exact_boxes(net: nn.Module, layer: str, in_shape: Shape) -> Boxes:
    """The box of pixels inside the image that each position reads: top, left, bottom, right; 0, 0, 0, 0 for none.

    Tight at every position, at the border and for layers that no stride fits too. Raises as `receptive_fields` does.
    """
    return _traced(net, [layer], in_shape)[layer][1]


def crop(
    image: Float[Tensor, "channels height width"], field: ReceptiveField, y: int, x: int, fill: float = 0.0
) -> Float[Tensor, "channels rows columns"]:
    """The field of position (y, x) on a canvas of the field's size: what lies beyond the image is `fill`."""
    box = field.box(y, x)
    inside = box.clipped(*image.shape[1:])
    canvas = image.new_full((len(image), *field.size), fill)
    part = image[:, inside.top : inside.bottom, inside.left : inside.right]
    if part.numel():
        top, left = inside.top - box.top, inside.left - box.left
        canvas[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return canvas


def effective_receptive_field(
    net: nn.Module,
    layer: str,
    images: Float[Tensor, "images channels height width"],
    channel: int | None = None,
) -> Float[Tensor, "height width"]:
    """Energy of the input gradient of a layer's center unit: squared, summed over colors, mean over images.

    The center is position (height // 2, width // 2) of the layer. `channel`: one unit; None: the sum of all channels
    there, so that their gradients may cancel. Luo et al., 2016, arXiv:1701.04128 (who show the gradient itself).
    Raises as `analysis.attribution.forward.forward` does, and ValueError for a channel that is not in the layer.
    """
    with forward(net, images, [layer]) as (leaf, (maps,)):
        channels, height, width = maps.shape[1:]
        if channel is not None and not 0 <= channel < channels:
            raise ValueError(f"Channel {channel} is not in layer {layer}: it has 0 to {channels - 1}.")
        center = maps[:, :, height // 2, width // 2]
        values = center.sum(1) if channel is None else center[:, channel]
        return gradient(values, leaf, (f"layer {layer}", "the pixels")).square().sum(1).mean(0)


def effective_size(energy: Float[Tensor, "height width"], share: float = 0.95) -> int:
    """Side in pixels of the smallest square about the energy's center of mass that holds this share of it, 0-1.

    Sides are odd: the square is centered on the pixel nearest to the center of mass. 0 where there is no energy.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}: give the part of the energy to hold, above 0 and at most 1.")
    mass = energy.double().cpu()
    if not float(mass.sum()) > 0:
        return 0
    rows, columns = (torch.arange(size, dtype=torch.float64) for size in mass.shape)
    y, x = (float((mass.sum(1 - axis) * line).sum() / mass.sum()) for axis, line in enumerate((rows, columns)))
    distance = torch.maximum((rows - round(y)).abs()[:, None], (columns - round(x)).abs()[None, :])
    by_distance = torch.bincount(distance.long().flatten(), mass.flatten()).cumsum(0)
    # The last sum is the total, so that a share of 1 is reached exactly.
    radius = int(torch.searchsorted(by_distance, share * by_distance[-1]))
    return 2 * radius + 1


def _traced(net: nn.Module, layers: Sequence[str], in_shape: Shape) -> dict[str, tuple[ReceptiveField, Boxes]]:
    names = expand(net, list(layers))
    tensor = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), torch.empty(0))
    # Not in inference mode, in which torch does not split operations into those that have rules.
    with torch.inference_mode(False), torch.no_grad(), evaluating(net):
        image = torch.zeros(1, *in_shape, dtype=tensor.dtype, device=tensor.device)
        graph = ExecutedGraph(image)
        takes = {name: partial(_field, graph, name, in_shape) for name in names}
        with recorded(net, takes) as outputs, graph:
            net(image)
            return complete(outputs, takes)


def _field(graph: ExecutedGraph, name: str, in_shape: Shape, maps: Tensor) -> tuple[ReceptiveField, Boxes]:
    reads = graph.reads(maps, f"Layer {name}")
    lowest = reads.bounds.amin((1, 2)).cpu().numpy()
    first, end = lowest[:2], -lowest[2:]
    fields = zip(map_lattices(reads), first, end, in_shape[1:], strict=True)
    rows, columns = (_holding(*field, axis) for axis, field in enumerate(fields))
    field = ReceptiveField((rows.size, columns.size), (rows.stride, columns.stride), (rows.start, columns.start))
    boxes = np.where(np.isinf(lowest[0]), 0, np.concatenate([first, end])).astype(np.int64)
    return field, np.moveaxis(boxes, 0, -1)


def _holding(lattice: Lattice | None, first: Edges, end: Edges, size: int, axis: int) -> Lattice:
    """The lattice, or the whole image where there is none or it leaves out pixels that some position reads."""
    if lattice:
        start = lattice.start + lattice.stride * np.expand_dims(np.arange(first.shape[axis]), 1 - axis)
        if bool(((start <= first) & (end <= start + lattice.size)).all()):
            return lattice
    return Lattice(0, 0, size)
