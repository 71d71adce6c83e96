"""A target as a Boolean function of binary inputs: what was seen at every code, and the truth table that follows.

Counts add up over images: they stream over work units, and the counts of any of the inputs are sums of those of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from analysis.boolean.terms import MOST_INPUTS, bit_of

FREE = -1
"""The value of a cell where either will do: a don't-care."""

Ties = Literal["free", "one", "zero"]


@dataclass(frozen=True, eq=False)
class Counts:
    """Images at every code of the inputs, the first input its most significant bit."""

    negatives: Int[np.ndarray, " codes"]
    """Without the target."""
    positives: Int[np.ndarray, " codes"]
    """With it."""

    def merge(self, other: "Counts") -> "Counts":
        """Both sets of images; ValueError where they have other numbers of inputs."""
        if len(self.positives) != len(other.positives):
            raise ValueError(f"Counts of {self.inputs} and of {other.inputs} inputs cannot be merged.")
        return Counts(self.negatives + other.negatives, self.positives + other.positives)

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return inputs_of(self.positives)

    @property
    def seen(self) -> Int[np.ndarray, " codes"]:
        """Images at every code."""
        return self.negatives + self.positives

    @property
    def base_rate(self) -> float:
        """Share of images with the target, 0-1; NaN without images."""
        images = int(self.seen.sum())
        return float(self.positives.sum() / images) if images else float("nan")

    def only(self, places: Sequence[int]) -> "Counts":
        """The counts of these inputs, in this order, whatever the others were; ValueError for a place twice."""
        if len(set(places)) != len(places) or not set(places) <= set(range(self.inputs)):
            raise ValueError(f"Inputs {list(places)} were asked for; give each of 0 to {self.inputs - 1} at most once.")
        others = tuple(place for place in range(self.inputs) if place not in places)
        return Counts(*(self._summed(values, places, others) for values in (self.negatives, self.positives)))

    def _summed(self, values: np.ndarray, places: Sequence[int], others: tuple[int, ...]) -> np.ndarray:
        grid = values.reshape((2,) * self.inputs).transpose(*places, *others)
        return grid.reshape(2 ** len(places), -1).sum(1)

    def ties(self, share: float = 0.5) -> Int[np.ndarray, " ties"]:
        """Codes that were seen with the target in exactly this share of images."""
        return np.flatnonzero((self.seen > 0) & np.isclose(self.positives, share * self.seen, rtol=1e-12, atol=0))

    def table(self, share: float = 0.5, ties: Ties = "free") -> "TruthTable":
        """1 where more than `share` of a code's images have the target, 0 where fewer, free where none was seen.

        0.5 is the majority, which is right most often. A rare target loses it everywhere: with `base_rate` as share the
        table has the highest balanced accuracy. A tie is as often wrong as right either way, so by default it is free.
        """
        values = np.where(self.positives > share * self.seen, 1, 0)
        values[self.ties(share)] = {"free": FREE, "one": 1, "zero": 0}[ties]
        values[self.seen == 0] = FREE
        return TruthTable(values)


@dataclass(frozen=True, eq=False)
class TruthTable:
    """0, 1 or FREE at every code of the inputs."""

    values: Int[np.ndarray, " codes"]

    def __post_init__(self) -> None:
        inputs_of(self.values)
        if not np.isin(self.values, (0, 1, FREE)).all():
            raise ValueError(f"A truth table holds {np.unique(self.values).tolist()}; give 0, 1 and {FREE} for free.")

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return inputs_of(self.values)

    def complement(self) -> "TruthTable":
        """Ones for zeros and zeros for ones; what is free stays free."""
        return TruthTable(np.where(self.values == FREE, FREE, 1 - self.values))

    def agrees(self, truth: Bool[np.ndarray, " codes"]) -> bool:
        """Whether a function has the table's value wherever it is not free."""
        return bool(np.all((self.values == FREE) | (self.values == truth)))


def table_of(inputs: int, ones: Iterable[int], free: Iterable[int] = ()) -> TruthTable:
    """The table with ones and free cells at these codes, zeros elsewhere."""
    values = np.zeros(2**inputs, np.int64)
    values[list(ones)] = 1
    values[list(free)] = FREE
    return TruthTable(values)


def counts(bits: Bool[np.ndarray, "images inputs"], target: Bool[np.ndarray, " images"]) -> Counts:
    """What these images add; ValueError beyond 16 inputs."""
    codes = codes_of(bits)
    size = 2 ** bits.shape[1]
    return Counts(np.bincount(codes[~target], minlength=size), np.bincount(codes[target], minlength=size))


def codes_of(bits: Bool[np.ndarray, "images inputs"]) -> Int[np.ndarray, " images"]:
    """Every image's inputs as one number, the first input the most significant bit; ValueError beyond 16 inputs."""
    inputs = bits.shape[1]
    if inputs > MOST_INPUTS:
        raise ValueError(f"A table of {inputs} inputs has 2^{inputs} cells; choose at most {MOST_INPUTS} inputs.")
    return bits.astype(np.int64) @ np.array([bit_of(place, inputs) for place in range(inputs)], np.int64)


def inputs_of(values: np.ndarray) -> int:
    """The number of inputs whose codes these values are at; ValueError where their number is no power of two."""
    inputs = len(values).bit_length() - 1
    if len(values) != 2**inputs or inputs > MOST_INPUTS:
        raise ValueError(f"There are {len(values)} cells; expected 2 to the number of inputs, at most {MOST_INPUTS}.")
    return inputs
