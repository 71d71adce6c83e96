"""Which rows (or columns) of a map change with a window, and which are needed? One axis at a time, exactly.

A span is (first, end): from `first` to before `end`; (0, 0) is empty. A region of a map is a span of its rows and one
of its columns. Regions may be larger than what changes, never smaller: the rest is recomputed to the value it had.
After Nakandala et al., 2019 (Krypton, doi:10.1145/3299869.3319874), whose patches all have the size of the largest;
these end at the border of the map.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

Spans = Int[np.ndarray, "windows 2"]


class Axis(NamedTuple):
    """A kernel on its way along one axis of a map: output i reads inputs i * stride - padding + tap * dilation."""

    kernel: int
    stride: int
    padding: int
    """Before the first input; negative where the first inputs are left out."""
    dilation: int
    size: int
    """Inputs."""
    outputs: int

    @property
    def reach(self) -> int:
        """Inputs from the first tap to the last."""
        return (self.kernel - 1) * self.dilation

    def affected(self, spans: Spans) -> Spans:
        """Outputs that may change with these inputs."""
        first = -((self.reach - self.padding - spans[:, 0]) // self.stride)
        end = (spans[:, 1] - 1 + self.padding) // self.stride + 1
        return _within(first, np.where(spans[:, 1] > spans[:, 0], end, 0), self.outputs)

    def needed(self, spans: Spans) -> Spans:
        """Inputs that these outputs read."""
        first = spans[:, 0] * self.stride - self.padding
        end = (spans[:, 1] - 1) * self.stride - self.padding + self.reach + 1
        return _within(first, np.where(spans[:, 1] > spans[:, 0], end, 0), self.size)


def whole(windows: int, size: int) -> Spans:
    """All of an axis for each window."""
    return np.tile(np.array([0, size]), (windows, 1))


def hull(one: Spans, other: Spans) -> Spans:
    """The smallest spans that hold both."""
    both = np.stack([np.minimum(one[:, 0], other[:, 0]), np.maximum(one[:, 1], other[:, 1])], 1)
    return np.where(_empty(one), other, np.where(_empty(other), one, both))


def overlap(one: Spans, other: Spans) -> Spans:
    """What both hold."""
    return _within(np.maximum(one[:, 0], other[:, 0]), np.minimum(one[:, 1], other[:, 1]))


def _empty(spans: Spans) -> Bool[np.ndarray, "windows 1"]:
    return spans[:, 1:] <= spans[:, :1]


def _within(first: Int[np.ndarray, " windows"], end: Int[np.ndarray, " windows"], size: int | None = None) -> Spans:
    spans = np.stack([np.maximum(first, 0), end if size is None else np.minimum(end, size)], 1)
    return np.where(_empty(spans), 0, spans)


class Region(NamedTuple):
    """A rectangle of a map for each window."""

    rows: Spans
    columns: Spans

    @property
    def areas(self) -> Int[np.ndarray, " windows"]:
        """Positions in each."""
        return (self.rows[:, 1] - self.rows[:, 0]) * (self.columns[:, 1] - self.columns[:, 0])

    def hull(self, other: "Region") -> "Region":
        """The smallest rectangles that hold both."""
        return Region(hull(self.rows, other.rows), hull(self.columns, other.columns))

    def overlap(self, other: "Region") -> "Region":
        """What both hold."""
        return Region(overlap(self.rows, other.rows), overlap(self.columns, other.columns))

    def part(self, windows: slice) -> "Region":
        """Those of some windows."""
        return Region(self.rows[windows], self.columns[windows])


def whole_maps(windows: int, height: int, width: int) -> Region:
    """All of a map for each window."""
    return Region(whole(windows, height), whole(windows, width))
