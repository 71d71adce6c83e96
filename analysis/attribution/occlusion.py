"""What does an answer depend on? Cover a window of the image and look again (Zeiler & Fergus, 2014, arXiv:1311.2901).

One sweep of the windows gives any number of classes, channels and directions of any layers. Layers are computed again
only where a window reaches, and only as far as a target sees, which gives the same numbers to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.activations import expand
from analysis.attribution.forward import Images
from analysis.attribution.incremental.network import CleanPass, IncrementalNetwork, Windows
from analysis.attribution.incremental.patches import Patches
from analysis.attribution.incremental.tracing import UntraceableError
from analysis.attribution.occluder import Occluder, windows_of
from analysis.attribution.readout import Over, Reading, Target, of_images, read_region
from analysis.attribution.whole_network import WholeImages, WholeNetwork
from analysis.evaluating import evaluating

TOGETHER = 512
"""Images with fewer windows than this are computed several at a time."""


@dataclass(frozen=True, eq=False)
class Occlusion:
    """The targets with each window covered."""

    scores: Float[Tensor, "images targets rows columns"]
    """In units of the target; windows from top to bottom and from left to right."""
    clean: Float[Tensor, "images targets"]
    """The targets in the images as they are."""
    rows: Int[np.ndarray, "rows 2"]
    """Of pixels, for each row of windows: the first that is covered and the one after the last."""
    columns: Int[np.ndarray, "columns 2"]
    """The same for columns."""
    size: tuple[int, int]
    """Height and width of the images."""


def occlusion(
    net: nn.Module,
    images: Images,
    targets: Sequence[Target],
    occluder: Occluder,
    *,
    incremental: bool = True,
    rows_of_windows: slice = slice(None),
) -> Occlusion:
    """Every target with every window of every image covered. The network runs in eval mode and is left as it was.

    incremental: compute only what a window changes and a target reads. Otherwise, and where torch.fx cannot trace the
    network or traces it to other values than its own, all covered images run as a whole.
    rows_of_windows: those to sweep, by number from the top; others are left out of the result.
    Raises ValueError for a window larger than the images, no target, an unknown layer (with the nearest name), and a
    channel, direction or position that does not fit its layer; RuntimeError for a layer that does not run, or runs
    more than once without a call being named; TypeError for one that makes no tensor.
    """
    if not targets:
        raise ValueError("There is no target: give at least one class, channel or direction.")
    layers = list(dict.fromkeys(target.layer for target in targets))
    for layer in layers:
        _require_layer(net, layer)
    rows, columns = occluder.rows(images.shape[2])[rows_of_windows], occluder.columns(images.shape[3])
    fill = occluder.color(images)
    together = max(1, TOGETHER // (len(rows) * len(columns)))
    scores, clean = list[Tensor](), list[Tensor]()
    with torch.no_grad(), evaluating(net):
        network = (_incremental(net, images[:1], layers) if incremental else None) or WholeNetwork(net, layers)
        for start in range(0, len(images), together):
            some = slice(start, start + together)
            asked = [of_images(target, some, len(images)) for target in targets]
            region, image = windows_of(rows, columns, len(images[some]))
            of_clean, of_covered = _read(network.on(images[some]), asked, Windows(region, image, fill))
            clean.append(of_clean)
            scores.append(of_covered.unflatten(0, (-1, len(rows), len(columns))).permute(0, 3, 1, 2))
    return Occlusion(torch.cat(scores), torch.cat(clean), rows, columns, (images.shape[2], images.shape[3]))


def drop(found: Occlusion) -> Float[Tensor, "images targets rows columns"]:
    """How much a target loses when a window is covered; negative where it gains."""
    return found.clean[:, :, None, None] - found.scores


def mean_drop(found: Occlusion) -> Float[Tensor, "images targets height width"]:
    """For each pixel the mean drop over the windows that cover it, as captum's `Occlusion`; NaN where none does."""
    covers = [
        (pixel >= spans[:, :1]) & (pixel < spans[:, 1:])
        for spans, pixel in zip((found.rows, found.columns), map(np.arange, found.size), strict=True)
    ]
    by_row, by_column = (torch.from_numpy(cover).to(found.scores) for cover in covers)
    total = by_row.T @ drop(found) @ by_column
    return total / (by_row.sum(0)[:, None] * by_column.sum(0))


def most_probable(found: Occlusion) -> Int[Tensor, "images rows columns"]:
    """The number, among the targets, of the one with the largest score: with logits as targets, the class."""
    return found.scores.argmax(1)


def _read(run: CleanPass | WholeImages, targets: Sequence[Target], covered: Windows) -> tuple[Tensor, Tensor]:
    """The targets in each image as it is (images, targets) and with each window covered (windows, targets)."""
    readings = [Reading.found(target, run.layers[target.layer]) for target in targets]
    read = {
        layer: read_region([reading for reading in readings if reading.neuron.layer == layer], covered.image)
        for layer in run.layers
    }
    image = torch.from_numpy(covered.image).to(covered.fill.device)
    clean = _numbers(readings, run.layers, image.unique())
    scores = clean.new_empty(len(image), len(targets))
    for some, values in run.covered(covered, read):
        scores[some] = _numbers(readings, values, image[some])
    return clean, scores


def _numbers(
    readings: Sequence[Reading], values: Mapping[str | None, Patches | Tensor], image: Int[Tensor, " windows"]
) -> Float[Tensor, "windows targets"]:
    """Readings of one layer over the same positions share its matrix."""
    matrices = dict[tuple[str | None, Over], Tensor]()
    for reading in readings:
        key = reading.neuron.layer, reading.over
        if key not in matrices:
            matrices[key] = reading.matrix(values[reading.neuron.layer], image)
    return torch.stack([r.numbers(matrices[r.neuron.layer, r.over], image) for r in readings], 1)


def _incremental(net: nn.Module, image: Images, layers: Sequence[str | None]) -> IncrementalNetwork | None:
    """None where the network cannot be traced, or where what was traced does not give its own values."""
    own = WholeNetwork(net, layers).outputs(image)
    try:
        network = IncrementalNetwork(net, image, layers)
        found = network.on(image).layers
    except (UntraceableError, RuntimeError):
        return None
    for layer, maps in own.items():
        tolerance, largest = torch.finfo(maps.dtype).eps ** 0.5, float(maps.nan_to_num(0.0, 0.0, 0.0).abs().max())
        if not torch.allclose(found[layer], maps, tolerance, tolerance * largest, equal_nan=True):
            return None
    return network


def _require_layer(net: nn.Module, layer: str | None) -> None:
    if layer is None:
        return
    try:
        names = expand(net, [layer])
    except KeyError as error:
        message = str(error.args[0])
        raise ValueError(message[0].upper() + message[1:]) from None
    if len(names) > 1:
        raise ValueError(f"Layer {layer!r} names {len(names)} layers, {names[0]}, {names[1]} ...: name one.")
