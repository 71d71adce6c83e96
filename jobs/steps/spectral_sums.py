"""Sums of many pairs of layers at every frequency in one pass: rectangles as in `joint_sums`, products as in `spectra`.

Pairs whose maps share the same frequencies are summed together. A pair that does not fit in memory at all of its
frequencies is cut into spans of them: no product is larger than channels x channels at one frequency.
"""

from collections.abc import Hashable, Iterator
from dataclasses import fields
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.comoments import Pair
from analysis.similarity.fourier import SpectralJoint
from analysis.similarity.frequencies import Frequencies, common
from analysis.similarity.spectra import SpectralAccumulator, SpectralComoments, spectra
from jobs.steps.joint_sums import AND, Rectangle, beside, blocks
from jobs.steps.layer_pairs import LayerPair
from jobs.steps.step import Arrays, Batch

if TYPE_CHECKING:
    from jobs.plan import Plan

Span = tuple[int, int]
FIELDS = tuple(field.name for field in fields(SpectralComoments))


def own_frequencies(plan: "Plan", layer: str, crop: int | None) -> Hashable:
    """Equal for layers that have the same frequencies."""
    return _plane(_common(plan, layer, layer, crop))


def spectra_bytes(plan: "Plan", parts: tuple[Rectangle, ...], crop: int | None, span: Span | None) -> int:
    """Sums of all blocks, by group and frequency."""
    total = 0
    for frequencies, together in _by_frequencies(plan, parts, crop).values():
        count = len(_spanned(frequencies, span).rows)
        for pair, groups in blocks(tuple(together), plan.groups).items():
            x, y = (sum(plan.units_of(layer) for layer in side.split(AND)) for side in (pair.x, pair.y))
            total += groups * (8 + count * (16 * x * y + 24 * (x + y)))
    return total


def packed_spectra(
    plan: "Plan", parts: tuple[Rectangle, ...], crop: int | None, limit_bytes: int
) -> list[tuple[tuple[Rectangle, ...], Span | None]]:
    """Rectangles in blocks that each stay under the limit, cut into pairs and then into spans of frequencies."""
    waiting, found = list(parts), list[tuple[tuple[Rectangle, ...], Span | None]]()
    while waiting:
        part = waiting.pop(0)
        size = spectra_bytes(plan, (part,), crop, None)
        halves = part.halves() if size > limit_bytes else None
        if halves:
            waiting[:0] = halves
        elif size > limit_bytes:
            found += [((part,), span) for span in _spans(plan, part, crop, limit_bytes)]
        elif found and found[-1][1] is None and _joined_fit(plan, (*found[-1][0], part), crop, limit_bytes):
            found[-1] = ((*found[-1][0], part), None)
        else:
            found.append(((part,), None))
    return found


class SpectralSums:
    """Running sums of one unit."""

    def __init__(self, plan: "Plan", parts: tuple[Rectangle, ...], crop: int | None, span: Span | None):
        self.span = span
        self.together = {
            plane: (_spanned(frequencies, span), SpectralAccumulator(blocks(tuple(rectangles), plan.groups)))
            for plane, (frequencies, rectangles) in _by_frequencies(plan, parts, crop).items()
        }

    def update(self, batch: Batch) -> None:
        """Add a batch's maps."""
        for frequencies, accumulator in self.together.values():
            sides = {name for pair in accumulator.groups for name in (pair.x, pair.y)}
            layers = {layer for side in sides for layer in side.split(AND)}
            found = {layer: spectra(batch.maps[layer], frequencies) for layer in sorted(layers)}
            together = {side: beside([found[layer] for layer in side.split(AND)]) for side in sorted(sides)}
            accumulator.add(together, batch.groups)

    def arrays(self) -> Arrays:
        """Every sum by block, frequencies and field."""
        arrays: Arrays = {}
        for plane, (frequencies, accumulator) in self.together.items():
            start = self.span[0] if self.span else 0
            span = start, start + len(frequencies.rows)
            for pair, found in accumulator.comoments().items():
                arrays |= {Place(pair, plane, span).text(name): getattr(found, name) for name in FIELDS}
        return arrays


class Place(NamedTuple):
    """Which block at which frequencies; written into the names of arrays."""

    pair: Pair
    plane: str
    span: Span

    def text(self, name: str) -> str:
        """The name of one of its arrays."""
        kind = "permuted" if self.pair.permuted else "aligned"
        return f"{self.pair.x}|{self.pair.y}|{kind}|{self.plane}|{self.span[0]}:{self.span[1]}|{name}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """Read the name of an array."""
        x, y, kind, plane, span, _ = text.split("|")
        start, stop = span.split(":")
        return cls(Pair(x, y, kind == "permuted"), plane, (int(start), int(stop)))


class SpectralJoints:
    """Joints of any pair of layers from merged arrays, and their floors: the same with the images of y permuted."""

    def __init__(self, plan: "Plan", arrays: Arrays, crop: int | None):
        self.plan, self.arrays, self.crop = plan, arrays, crop
        self.places = sorted({Place.of(name) for name in arrays}, key=lambda place: (place.span[0], -place.span[1]))

    def joint(self, pair: LayerPair) -> SpectralJoint:
        """The pair's joint, by group."""
        return self._joint(pair, permuted=False)

    def floor(self, pair: LayerPair) -> SpectralJoint:
        """What chance gives, of one group."""
        found = self._joint(pair, permuted=True)
        return SpectralJoint(found.x.total(), found.y.total(), found.xy, found.frequencies)

    def frequencies(self, pair: LayerPair) -> Frequencies:
        """Those that a pair of layers is compared at."""
        return _common(self.plan, *pair, self.crop)

    def _joint(self, pair: LayerPair, permuted: bool) -> SpectralJoint:
        frequencies = self.frequencies(pair)
        plane = _plane(frequencies)
        x, y = (self._assembled(layer, layer, plane, permuted=False) for layer in pair)
        return SpectralJoint(x, y, self._assembled(*pair, plane, permuted=permuted), frequencies)

    def _assembled(self, x: str, y: str, plane: str, permuted: bool) -> SpectralComoments:
        """All frequencies of a block, from as many spans as hold them."""
        parts, covered = list[SpectralComoments](), 0
        for place in self._holding(x, y, plane, permuted):
            if place.span[0] == covered:
                parts.append(self._block(place, x, y))
                covered = place.span[1]
        joined = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in FIELDS[1:]}
        return SpectralComoments(n=parts[0].n, **joined)

    def _holding(self, x: str, y: str, plane: str, permuted: bool) -> Iterator[Place]:
        for place in self.places:
            held = x in place.pair.x.split(AND) and y in place.pair.y.split(AND)
            if held and place.plane == plane and place.pair.permuted == permuted:
                yield place

    def _block(self, place: Place, x: str, y: str) -> SpectralComoments:
        whole = SpectralComoments(**{name: self.arrays[place.text(name)] for name in FIELDS})
        return whole.units(self._range(place.pair.x, x), self._range(place.pair.y, y))

    def _range(self, side: str, layer: str) -> slice:
        layers = side.split(AND)
        start = sum(self.plan.units_of(other) for other in layers[: layers.index(layer)])
        return slice(start, start + self.plan.units_of(layer))


def _by_frequencies(
    plan: "Plan", parts: tuple[Rectangle, ...], crop: int | None
) -> dict[str, tuple[Frequencies, list[Rectangle]]]:
    """Rectangles that share their frequencies, by these."""
    found: dict[str, tuple[Frequencies, list[Rectangle]]] = {}
    for part in parts:
        frequencies = _common(plan, part.x[0], part.y[0], crop)
        found.setdefault(_plane(frequencies), (frequencies, []))[1].append(part)
    return found


def _common(plan: "Plan", x: str, y: str, crop: int | None) -> Frequencies:
    size_x, size_y = (plan.shapes[layer][1:] for layer in (x, y))
    return common((size_x[0], size_x[1]), (size_y[0], size_y[1]), crop)


def _plane(frequencies: Frequencies) -> str:
    """The size of the maps that have just these frequencies."""
    height = int(np.ptp(frequencies.rows)) + 1
    return f"{height}x{int(frequencies.weights.sum()) // height}"


def _spanned(frequencies: Frequencies, span: Span | None) -> Frequencies:
    if span is None:
        return frequencies
    part = slice(*span)
    return Frequencies(frequencies.rows[part], frequencies.columns[part], frequencies.weights[part])


def _spans(plan: "Plan", part: Rectangle, crop: int | None, limit_bytes: int) -> list[Span]:
    count = len(_common(plan, part.x[0], part.y[0], crop).rows)
    one = spectra_bytes(plan, (part,), crop, (0, 1))
    each = max(1, limit_bytes // one)
    pieces = ceil(count / each)
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    return list(pairwise(edges))


def _joined_fit(plan: "Plan", parts: tuple[Rectangle, ...], crop: int | None, limit_bytes: int) -> bool:
    return spectra_bytes(plan, parts, crop, None) <= limit_bytes
