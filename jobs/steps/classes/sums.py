"""Sums of layers with classes at every frequency: one number an image and class, the same at all frequencies."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from analysis.arrays import Array, device_of, namespace
from analysis.comoments import Pair
from analysis.similarity.fourier import SpectralJoint
from analysis.similarity.frequencies import Frequencies, common
from analysis.similarity.spectra import SpectralAccumulator, SpectralComoments, spectra
from jobs.errors import UserError, nearest
from jobs.steps.pairwise import Fourier
from jobs.steps.spectral_sums import FIELDS, Place, Span
from jobs.steps.step import Arrays, Batch

if TYPE_CHECKING:
    from jobs.plan import Plan

TARGETS = "classes"


@dataclass(frozen=True)
class ClassPart:
    """One layer of one network, at all of its frequencies or at a span of them."""

    net: str
    layer: str
    span: Span | None = None

    @property
    def key(self) -> str:
        """`net/layer`."""
        return f"{self.net}/{self.layer}"

    def frequencies(self, plan: "Plan", fourier: Fourier) -> Frequencies:
        """Those of the layer that are compared, or of the span of them."""
        whole = layer_frequencies(plan, self.key, fourier)
        part = slice(*self.span) if self.span else slice(None)
        return Frequencies(whole.rows[part], whole.columns[part], whole.weights[part])

    def pieces(self, plan: "Plan", fourier: Fourier, targets: int, limit_bytes: int) -> "list[ClassPart]":
        """The layer whole where that fits, else spans that do."""
        if part_bytes(plan, self, fourier, targets) <= limit_bytes:
            return [self]
        count = len(layer_frequencies(plan, self.key, fourier).rows)
        one = part_bytes(plan, replace(self, span=(0, 1)), fourier, targets)
        pieces = ceil(count / max(1, limit_bytes // one))
        edges = [count * piece // pieces for piece in range(pieces + 1)]
        return [replace(self, span=span) for span in pairwise(edges)]


def class_parts(plan: "Plan", nets: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[ClassPart, ...]:
    """The studied layers of some networks that patterns name; UserError where a pattern names none of a network."""
    parts = []
    for net in nets:
        layers = plan.layers_of(net)
        for pattern in patterns:
            if not any(fnmatchcase(layer, pattern) for layer in layers):
                raise UserError(
                    f"steps.classes.layers: {pattern!r} is no studied layer of {net}; {nearest(pattern, layers)}"
                )
        parts += [ClassPart(net, layer) for layer in layers if any(fnmatchcase(layer, p) for p in patterns)]
    return tuple(parts)


def layer_frequencies(plan: "Plan", layer: str, fourier: Fourier) -> Frequencies:
    """Frequencies of a `net/layer` that are compared."""
    _, height, width = plan.shapes[layer]
    return common((height, width), (height, width), None if fourier is True else int(fourier))


def part_bytes(plan: "Plan", part: ClassPart, fourier: Fourier, targets: int) -> int:
    """Sums of one layer with itself and with the targets, by group, of the floor, and of the targets once."""
    count, units = len(part.frequencies(plan, fourier).rows), plan.units_of(part.key)
    within = plan.groups * (8 + count * (16 * units * units + 48 * units))
    between = (plan.groups + 1) * (8 + count * (16 * units * targets + 24 * (units + targets)))
    return within + between + plan.groups * (8 + 16 * targets * targets + 48 * targets)


class ClassSums:
    """Running sums of one unit."""

    def __init__(
        self, plan: "Plan", parts: tuple[ClassPart, ...], fourier: Fourier, targets: tuple[int, ...], *, logits: bool
    ):
        self.parts, self.targets, self.logits = parts, list(targets), logits
        self.frequencies = {part: part.frequencies(plan, fourier) for part in parts}
        self.sums = {
            part: SpectralAccumulator(
                {
                    Pair(part.key, part.key): plan.groups,
                    Pair(part.key, TARGETS): plan.groups,
                    Pair(part.key, TARGETS, permuted=True): 1,
                }
            )
            for part in parts
        }
        self.of_targets = {
            net: SpectralAccumulator({Pair(TARGETS, TARGETS): plan.groups})
            for net in dict.fromkeys(part.net for part in parts)
        }

    def update(self, batch: Batch) -> None:
        """Add a batch; where targets are indicators, images without a label belong to no class."""
        targets = {}
        for net, sums in self.of_targets.items():
            like = batch.maps[next(part.key for part in self.parts if part.net == net)]
            targets[net] = self._targets(batch, net, like)[None, ...]
            sums.add({TARGETS: targets[net]}, batch.groups)
        for part, sums in self.sums.items():
            found = spectra(batch.maps[part.key], self.frequencies[part])
            shape = (found.shape[0], *targets[part.net].shape[1:])
            everywhere = namespace(found).broadcast_to(targets[part.net], shape)
            sums.add({part.key: found, TARGETS: everywhere}, batch.groups)

    def arrays(self) -> Arrays:
        """Every sum by layer, span and field."""
        arrays: Arrays = {}
        for part, sums in self.sums.items():
            span = part.span or (0, len(self.frequencies[part].rows))
            for pair, found in sums.comoments().items():
                arrays |= {Place(pair, part.net, span).text(name): getattr(found, name) for name in FIELDS}
        for net, sums in self.of_targets.items():
            for pair, found in sums.comoments().items():
                arrays |= {Place(pair, net, (0, 1)).text(name): getattr(found, name) for name in FIELDS}
        return arrays

    def _targets(self, batch: Batch, net: str, like: Array) -> Array:
        """(images, targets) complex, beside the layer's maps."""
        xp = namespace(like)
        if self.logits:
            if net not in batch.logits:
                raise UserError(
                    f"steps.classes: {net} gives no logits, its output is no tensor: write targets: indicator."
                )
            values = batch.logits[net][:, self.targets]
            values = xp.asarray(values.cpu().numpy(), device=device_of(like))
        else:
            hot = batch.labels[:, None] == np.array(self.targets)[None, :]
            values = xp.asarray(hot.astype(np.float32), device=device_of(like))
        return xp.astype(values, xp.complex128)


class ClassJoints:
    """Joints of any layer of one network with any of its targets, and their floors."""

    def __init__(self, plan: "Plan", net: str, arrays: Arrays, fourier: Fourier):
        self.plan, self.net, self.arrays, self.fourier = plan, net, arrays, fourier
        places = {Place.of(name) for name in arrays}
        self.places = sorted((p for p in places if p.plane == net), key=lambda p: (p.span[0], -p.span[1]))

    def joint(self, layer: str, columns: list[int], *, permuted: bool) -> SpectralJoint:
        """A `net/layer` with the targets at some columns; the floor is `permuted`, of one group."""
        x, xy = self._held(Pair(layer, layer)), self._held(Pair(layer, TARGETS, permuted))
        targets = self._held(Pair(TARGETS, TARGETS))
        if permuted:
            x, targets = x.total(), targets.total()
        frequencies = layer_frequencies(self.plan, layer, self.fourier)
        return SpectralJoint(x, _everywhere(targets, columns, len(frequencies.rows)), _of(xy, columns), frequencies)

    def _held(self, pair: Pair) -> SpectralComoments:
        parts, covered = list[SpectralComoments](), 0
        for place in self.places:
            if place.pair == pair and place.span[0] == covered:
                parts.append(SpectralComoments(**{name: self.arrays[place.text(name)] for name in FIELDS}))
                covered = place.span[1]
        joined = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in FIELDS[1:]}
        return SpectralComoments(n=parts[0].n, **joined)


def _of(xy: SpectralComoments, columns: list[int]) -> SpectralComoments:
    return SpectralComoments(
        xy.n, xy.sum_x, xy.sum_y[..., columns], xy.square_x, xy.square_y[..., columns], xy.cross[..., columns]
    )


def _everywhere(targets: SpectralComoments, columns: list[int], count: int) -> SpectralComoments:
    """The targets, which have no frequency, at each of `count`."""
    chosen = targets.cross[..., columns, :][..., columns]
    sums, squares = targets.sum_x[..., columns], targets.square_x[..., columns]
    wide = [np.broadcast_to(v, (v.shape[0], count, *v.shape[2:])) for v in (sums, sums, squares, squares, chosen)]
    return SpectralComoments(targets.n, *wide)
