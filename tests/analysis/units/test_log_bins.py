"""Bins: every number lies between the edges of its bin, and the bin's center is within the accuracy of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.units.log_bins import LogBins

NUMBERS = arrays(np.float32, 50, elements=st.floats(width=32, allow_nan=False))
IN_RANGE = arrays(np.float32, 50, elements=st.floats(2.0**-24, 65504.0, width=32))


@settings(max_examples=50, deadline=None)
@given(NUMBERS, st.sampled_from([LogBins(), LogBins(0.3, -3, 2), LogBins(0.001, -126, 127)]))
def test_a_number_lies_between_the_edges_of_its_bin(x: np.ndarray, bins: LogBins) -> None:
    places, edges = bins.places(x), bins.edges()
    assert len(edges) == bins.count + 1
    assert (np.diff(edges) > 0).all()
    # Below zero the edge farther from it belongs to the next bin, as above zero.
    above, below = x >= 0, x < 0
    assert ((edges[places] <= x) & ((x < edges[places + 1]) | np.isinf(x)))[above].all()
    assert (((edges[places] < x) | np.isinf(x)) & (x <= edges[places + 1]))[below].all()


@settings(max_examples=30, deadline=None)
@given(IN_RANGE, st.sampled_from([0.5, 0.1, 0.01, 0.001]))
def test_a_center_is_within_the_accuracy(x: np.ndarray, accuracy: float) -> None:
    bins = LogBins(accuracy)
    for signed in (x, -x):
        centers = bins.centers()[bins.places(signed)]
        assert (np.abs(centers - signed) <= accuracy * np.abs(signed)).all()


def test_an_octave_has_no_more_parts_than_needed() -> None:
    assert [LogBins(accuracy).parts_bits for accuracy in (0.5, 1 / 3, 0.2, 0.01)] == [0, 0, 1, 6]
    assert LogBins().count == 2 * (40 * 64 + 1) + 1


def test_torch_agrees_bit_for_bit() -> None:
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32) ** 9
    np.testing.assert_array_equal(LogBins().places(torch.from_numpy(x)).numpy(), LogBins().places(x))


@pytest.mark.parametrize(
    ("accuracy", "low", "high", "message"),
    [
        (0.0, -24, 16, "accuracy 0.0"),
        (1.0, -24, 16, "accuracy 1.0"),
        (0.01, 3, 3, r"from 2\^3 to 2\^3"),
        (0.01, -127, 3, "from -126"),
        (0.01, 0, 128, "at most 127"),
    ],
)
def test_bins_that_cannot_be_are_refused(accuracy: float, low: int, high: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogBins(accuracy, low, high)
