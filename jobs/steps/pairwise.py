"""Sums of pairs of layers by position or by frequency, as a step asks: what it needs, its blocks, its joints."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt, StrictBool

from jobs.errors import UserError
from jobs.steps.by_set import BySet, of_all_sets, of_one_set
from jobs.steps.joint_sums import Joints, JointSums, Rectangle, packed, pairs_of, rectangles, sums_bytes
from jobs.steps.layer_pairs import LayerPair, same_positions
from jobs.steps.spectral_sums import SpectralJoints, SpectralSums, own_frequencies, packed_spectra, spectra_bytes
from jobs.steps.step import Arrays, Needs, Reducer

if TYPE_CHECKING:
    from jobs.plan import Plan

Fourier = StrictBool | PositiveInt
"""false: by position; true: at all frequencies of layers of equal size; m: at those that a map of m x m holds."""


@dataclass(frozen=True)
class Pairwise:
    """Pairs of layers and how they are compared; a block of them is one too."""

    pairs: tuple[LayerPair, ...]
    fourier: Fourier = False
    span: tuple[int, int] | None = None
    """Frequencies of a block, where one pair at all of them would not fit."""
    floor_by_group: bool = False
    """Keep the permuted sums by group too: a loss on held-out groups has a floor on held-out groups."""

    sets: tuple[str, ...] = ()
    """Sets of images whose sums are kept apart; with none all images are summed together."""

    def identity(self) -> dict[str, Any]:
        """What the sums depend on."""
        kept = {name: value for name in ("floor_by_group", "sets") if (value := getattr(self, name))}
        return {"pairs": self.pairs, "fourier": self.fourier, "span": self.span, **kept}

    def chance_groups(self, plan: "Plan") -> int:
        """Groups of the permuted sums."""
        return plan.groups if self.floor_by_group else 1

    @property
    def crop(self) -> int | None:
        """Size of the maps whose frequencies are compared; None for all of them."""
        return None if isinstance(self.fourier, bool) else self.fourier

    def needs(self) -> Needs:
        """Samples, or whole maps to transform."""
        layers = frozenset(layer for pair in self.pairs for layer in pair)
        return Needs(samples=layers) if self.fourier is False else Needs(maps=layers)

    def result_bytes(self, plan: "Plan") -> int:
        """Sums of all pairs, by group, of every set."""
        return self._set_bytes(plan) * max(1, len(self.sets))

    def _set_bytes(self, plan: "Plan") -> int:
        if self.fourier is False:
            return sums_bytes(plan, self._rectangles(plan), self.chance_groups(plan))
        return spectra_bytes(plan, self._rectangles(plan), self.crop, self.span)

    def split(self, plan: "Plan", limit_bytes: int) -> "list[Pairwise]":
        """Blocks of pairs, or of frequencies of a pair, that each stay under the limit."""
        limit_bytes //= max(1, len(self.sets))
        if self.fourier is False:
            parts = packed(plan, self._rectangles(plan), limit_bytes, self.chance_groups(plan))
            return [replace(self, pairs=pairs_of(block)) for block in parts]
        blocks = packed_spectra(plan, self._rectangles(plan), self.crop, limit_bytes)
        return [replace(self, pairs=pairs_of(block), span=span) for block, span in blocks]

    def reducer(self, plan: "Plan") -> Reducer:
        """Sums of one unit."""
        if self.sets:
            return BySet({name: replace(self, sets=()).reducer(plan) for name in self.sets})
        if self.fourier is False:
            return JointSums(plan, self._rectangles(plan), self.chance_groups(plan))
        return SpectralSums(plan, self._rectangles(plan), self.crop, self.span)

    def joints(self, plan: "Plan", arrays: Arrays, of_set: str | None = None) -> "Joints | SpectralJoints":
        """The joint of every pair, and what chance gives, over all images or over those of one set."""
        if self.sets:
            arrays = of_all_sets(arrays) if of_set is None else of_one_set(arrays, of_set)
        return Joints(plan, arrays) if self.fourier is False else SpectralJoints(plan, arrays, self.crop)

    def _rectangles(self, plan: "Plan") -> tuple[Rectangle, ...]:
        if self.fourier is False:
            return rectangles(self.pairs, plan.positions_of)
        return rectangles(self.pairs, lambda layer: own_frequencies(plan, layer, self.crop))


@dataclass(frozen=True)
class OverPairs:
    """What all steps over pairs of layers share: how their sums are streamed, cut into blocks and merged."""

    sums: Pairwise

    def needs(self) -> Needs:
        """Samples or maps of all layers."""
        return self.sums.needs()

    def result_bytes(self, plan: "Plan") -> int:
        """Sums of all pairs."""
        return self.sums.result_bytes(plan)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Any]:
        """As many pairs to a block as fit."""
        return [replace(self, sums=block) for block in self.sums.split(plan, limit_bytes)]

    def reducer(self, plan: "Plan") -> Reducer:
        """Sums of one unit."""
        return self.sums.reducer(plan)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Sums add."""
        return added(left, right)


def added(left: Arrays, right: Arrays) -> Arrays:
    """Sums of two units or nodes; one without a valid image has none."""
    return left | right | {name: left[name] + right[name] for name in left.keys() & right.keys()}


def comparable(plan: "Plan", fourier: Fourier) -> tuple[Callable[[str, str], bool], str]:
    """Whether two layers can be compared so, and what to do where they cannot."""
    if fourier is False:
        return same_positions(plan), "set extract.positions to mean or center"
    if fourier is True:
        return (
            lambda x, y: plan.shapes[x][1:] == plan.shapes[y][1:],
            "write fourier: 4 to compare the frequencies that maps of 4 x 4 hold",
        )
    return lambda x, y: True, ""


def require_chance(plan: "Plan", step: str) -> None:
    """UserError where no batch holds two images, whose permutation gives the noise floor."""
    if plan.batch < 2:
        raise UserError(
            f"steps.{step}: images.batch is {plan.batch}, and a noise floor needs at least 2: raise images.batch."
        )
