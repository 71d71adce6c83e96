"""Sums of many pairs of layers in one pass: layers side by side make one wide layer, one product serves all its pairs.

A rectangle is all pairs of some layers x with some layers y of equal positions. Its cross-products are one matrix
product of the samples of all x beside those of all y; the pair of any two of them is a block of it.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from analysis.arrays import Array, namespace
from analysis.comoments import SUMMED, Accumulator, Comoments, Pair
from analysis.similarity.joint import Joint, with_norm
from jobs.steps.layer_pairs import LayerPair
from jobs.steps.step import Arrays, Batch

if TYPE_CHECKING:
    from jobs.plan import Plan

AND = " + "
"""Between layers that stand side by side; no name of a module holds it."""


@dataclass(frozen=True)
class Rectangle:
    """All pairs of layers x with layers y, each `net/layer`."""

    x: tuple[str, ...]
    y: tuple[str, ...]

    @property
    def layers(self) -> frozenset[str]:
        """Every layer in it."""
        return frozenset(self.x + self.y)

    def halves(self) -> "tuple[Rectangle, Rectangle] | None":
        """Cut across its longer side; None where it is one pair."""
        if len(self.x) >= len(self.y) and len(self.x) > 1:
            middle = len(self.x) // 2
            return Rectangle(self.x[:middle], self.y), Rectangle(self.x[middle:], self.y)
        if len(self.y) > 1:
            middle = len(self.y) // 2
            return Rectangle(self.x, self.y[:middle]), Rectangle(self.x, self.y[middle:])
        return None


def rectangles(pairs: tuple[LayerPair, ...], alike: Callable[[str], Hashable]) -> tuple[Rectangle, ...]:
    """Few rectangles that hold exactly these pairs; layers x share one if they are alike and meet the same layers y."""
    met: dict[tuple[str, Hashable], list[str]] = {}
    for x, y in pairs:
        met.setdefault((x, alike(y)), []).append(y)
    grouped: dict[tuple[Hashable, tuple[str, ...]], list[str]] = {}
    for (x, _), others in met.items():
        grouped.setdefault((alike(x), tuple(others)), []).append(x)
    return tuple(Rectangle(tuple(x), y) for (_, y), x in grouped.items())


def pairs_of(parts: tuple[Rectangle, ...]) -> tuple[LayerPair, ...]:
    """All pairs of some rectangles."""
    return tuple((x, y) for part in parts for x in part.x for y in part.y)


def blocks(parts: tuple[Rectangle, ...], groups: int, chance_groups: int = 1) -> dict[Pair, int]:
    """Cross-products of rectangles with the groups each keeps: permuted ones, for the floor, often as a whole."""
    layers = sorted({layer for part in parts for layer in part.layers})
    within = {Pair(layer, layer): groups for layer in layers}
    between = {Pair(_side(part.x), _side(part.y)): groups for part in parts}
    permuted = {Pair(_side(part.x), _side(part.y), permuted=True): chance_groups for part in parts}
    return within | between | permuted


def sums_bytes(plan: "Plan", parts: tuple[Rectangle, ...], chance_groups: int = 1) -> int:
    """Float64 sums of all blocks, by group."""
    return sum(
        8 * count * ((x := _width(plan, pair.x)) * (y := _width(plan, pair.y)) + 2 * (x + y) + 1)
        for pair, count in blocks(parts, plan.groups, chance_groups).items()
    )


class JointSums:
    """Running sums of one unit."""

    def __init__(self, plan: "Plan", parts: tuple[Rectangle, ...], chance_groups: int = 1):
        wanted = blocks(parts, plan.groups, chance_groups)
        sides = sorted({name for pair in wanted for name in (pair.x, pair.y)})
        self.pivots = {layer: plan.pivot(layer) for part in parts for layer in part.layers}
        self.sides = {side: side.split(AND) for side in sides}
        self.accumulator = Accumulator(wanted, {side: _pivot(plan, side) for side in sides})

    def update(self, batch: Batch) -> None:
        """Add a batch's samples."""
        layers = {layer: with_norm(batch.samples[layer], pivot) for layer, pivot in self.pivots.items()}
        sides = {side: beside([layers[layer] for layer in names]) for side, names in self.sides.items()}
        self.accumulator.add(sides, batch.groups)

    def arrays(self) -> Arrays:
        """Every sum by block and field; pivots stay in the plan."""
        found = self.accumulator.comoments()
        return {_place(pair, name): getattr(found[pair], name) for pair in found for name in SUMMED}


class Joints:
    """Joints of any pair of layers from merged arrays, and their floors: the same with the images of y permuted."""

    def __init__(self, plan: "Plan", arrays: Arrays):
        self.plan, self.arrays = plan, arrays
        self.held: dict[tuple[str, str, bool], Pair] = {}
        for pair in _pairs(arrays):
            for x in pair.x.split(AND):
                for y in pair.y.split(AND):
                    self.held.setdefault((x, y, pair.permuted), pair)

    def joint(self, pair: LayerPair) -> Joint:
        """The pair's joint, by group."""
        return Joint(self._within(pair[0]), self._within(pair[1]), self._block(*pair, permuted=False))

    def floor(self, pair: LayerPair) -> Joint:
        """What chance gives, of one group unless the permuted sums were kept by group."""
        x, y, xy = self._within(pair[0]), self._within(pair[1]), self._block(*pair, permuted=True)
        return Joint(x, y, xy) if len(xy.n) > 1 else Joint(x.total(), y.total(), xy)

    def _within(self, layer: str) -> Comoments:
        return self._restored(Pair(layer, layer))

    def _block(self, x: str, y: str, permuted: bool) -> Comoments:
        pair = self.held[x, y, permuted]
        return self._restored(pair).units(_range(self.plan, pair.x, x), _range(self.plan, pair.y, y))

    def _restored(self, pair: Pair) -> Comoments:
        sums = {name: self.arrays[_place(pair, name)] for name in SUMMED}
        return Comoments(pivot_x=_pivot(self.plan, pair.x), pivot_y=_pivot(self.plan, pair.y), **sums)


def packed(
    plan: "Plan", parts: tuple[Rectangle, ...], limit_bytes: int, chance_groups: int = 1
) -> list[tuple[Rectangle, ...]]:
    """Rectangles in blocks that each stay under the limit, halved where one alone does not."""
    waiting, found = list(parts), list[tuple[Rectangle, ...]]()
    while waiting:
        part = waiting.pop(0)
        halves = part.halves() if sums_bytes(plan, (part,), chance_groups) > limit_bytes else None
        if halves:
            waiting[:0] = halves
        elif found and sums_bytes(plan, (*found[-1], part), chance_groups) <= limit_bytes:
            found[-1] = (*found[-1], part)
        else:
            found.append((part,))
    return found


def beside(layers: list[Array]) -> Array:
    """Samples of several layers as those of one."""
    return layers[0] if len(layers) == 1 else namespace(*layers).concat(layers, axis=2)


def _side(layers: tuple[str, ...]) -> str:
    return AND.join(layers)


def _width(plan: "Plan", side: str) -> int:
    return sum(plan.units_of(layer) + 1 for layer in side.split(AND))


def _pivot(plan: "Plan", side: str) -> np.ndarray:
    return np.concatenate([np.append(plan.pivot(layer), 0.0) for layer in side.split(AND)])


def _range(plan: "Plan", side: str, layer: str) -> slice:
    start = 0
    for other in side.split(AND):
        width = plan.units_of(other) + 1
        if other == layer:
            return slice(start, start + width)
        start += width
    raise KeyError(f"{layer} is not in {side}.")


def _place(pair: Pair, name: str) -> str:
    return f"{pair.x}|{pair.y}|{'permuted' if pair.permuted else 'aligned'}|{name}"


def _pairs(arrays: Arrays) -> Iterator[Pair]:
    """Blocks of cross-products in the order of their names."""
    for (x, y, kind), _ in groupby(sorted(arrays), key=lambda place: tuple(place.split("|")[:3])):
        yield Pair(x, y, kind == "permuted")
