"""What changes and what is needed along one axis, against trying every input."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.attribution.incremental.spans import Axis, Region, hull, overlap, whole_maps


@st.composite
def geometries(draw: st.DrawFn, most_dilation: int = 3) -> tuple[int, ...]:
    """Kernel, stride, padding, dilation, size, outputs; padding may be negative, as in slices."""
    kernel, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, most_dilation))
    padding, size = draw(st.integers(-3, 4)), draw(st.integers(4, 12))
    outputs = (size + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1
    assume(outputs > 0)
    return kernel, stride, padding, dilation, size, outputs


def reads(axis: Axis) -> np.ndarray:
    """Whether each output reads each input."""
    found = np.zeros((axis.outputs, axis.size), bool)
    for output in range(axis.outputs):
        for tap in range(axis.kernel):
            place = output * axis.stride - axis.padding + tap * axis.dilation
            if 0 <= place < axis.size:
                found[output, place] = True
    return found


def spans_of(size: int) -> np.ndarray:
    """All spans of an axis, the empty one first."""
    return np.array([(0, 0), *((first, end) for first in range(size) for end in range(first + 1, size + 1))])


@given(numbers=geometries())
def test_all_that_reads_a_span_is_affected_and_all_that_is_read_is_needed(numbers: tuple[int, ...]) -> None:
    axis = Axis(*numbers)
    table = reads(axis)
    for span, (first, end) in zip(spans_of(axis.size), axis.affected(spans_of(axis.size)), strict=True):
        outputs = np.flatnonzero(table[:, span[0] : span[1]].any(1))
        assert all(first <= output < end for output in outputs)
    for span, (first, end) in zip(spans_of(axis.outputs), axis.needed(spans_of(axis.outputs)), strict=True):
        inputs = np.flatnonzero(table[span[0] : span[1]].any(0))
        assert all(first <= place < end for place in inputs)


@given(numbers=geometries(most_dilation=1))
def test_without_gaps_nothing_else_is(numbers: tuple[int, ...]) -> None:
    axis = Axis(*numbers)
    table = reads(axis)
    for span, (first, end) in zip(spans_of(axis.size), axis.affected(spans_of(axis.size)), strict=True):
        assert np.flatnonzero(table[:, span[0] : span[1]].any(1)).tolist() == list(range(first, end))


def test_hulls_and_overlaps_with_empty_spans() -> None:
    one, other = np.array([[0, 0], [2, 5], [1, 3], [0, 0]]), np.array([[3, 4], [0, 0], [4, 6], [0, 0]])
    assert hull(one, other).tolist() == [[3, 4], [2, 5], [1, 6], [0, 0]]
    assert overlap(one, other).tolist() == [[0, 0], [0, 0], [0, 0], [0, 0]]
    assert overlap(np.array([[1, 5]]), np.array([[3, 9]])).tolist() == [[3, 5]]


def test_areas_of_regions() -> None:
    region = Region(np.array([[0, 2], [0, 0]]), np.array([[1, 4], [1, 4]]))
    assert region.areas.tolist() == [6, 0]
    assert region.hull(whole_maps(2, 5, 6)).areas.tolist() == [30, 30]
