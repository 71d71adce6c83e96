"""Gaps in both codes lead back to their places; the paper's formula agrees with places drawn at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compression.gaps import (
    cheapest_precision,
    expected_fillers,
    gap_classes,
    gaps,
    paper_rate,
    relative_indices,
)
from analysis.compression.huffman import coded_bits, symbol_counts

rising = st.lists(st.integers(0, 10**6), max_size=60, unique=True).map(
    lambda places: np.array(sorted(places), np.int64)
)


@given(rising, st.integers(0, 7))
def test_classes_and_extra_bits_lead_back_to_the_places(places: np.ndarray, precision: int) -> None:
    classes = gap_classes(gaps(places), precision)
    if classes is None:
        assert precision >= 4
        return
    symbols = classes.symbols.astype(np.int64)
    np.testing.assert_array_equal(classes.widths, symbols >> precision)
    assert (classes.extra < 1 << classes.widths).all()
    unit = 1 << precision
    between = ((symbols % unit + unit) << classes.widths) + classes.extra - unit
    np.testing.assert_array_equal(np.cumsum(between + 1) - 1, places)


def test_classes_by_hand() -> None:
    classes = gap_classes(np.array([0, 1, 2, 3, 4, 5, 6, 100]), 1)
    assert classes is not None
    assert classes.symbols.tolist() == [0, 1, 2, 2, 3, 3, 4, 11]
    assert classes.widths.tolist() == [0, 0, 1, 1, 1, 1, 2, 5]
    assert classes.extra.tolist() == [0, 0, 0, 1, 0, 1, 0, 6]
    assert gap_classes(np.array([1 << 20]), 7) is None


@given(rising)
def test_the_cheapest_precision_is_the_cheapest(places: np.ndarray) -> None:
    bits = {}
    for precision in range(8):
        classes = gap_classes(gaps(places), precision)
        if classes is not None:
            counts = symbol_counts(classes.symbols)
            bits[precision] = coded_bits(counts) + 4 * len(counts) + int(classes.widths.sum())
    precision, cheapest = cheapest_precision(gaps(places))
    assert cheapest == bits[precision] == min(bits.values())


@given(rising, st.integers(1, 8))
def test_relative_indices_and_fillers_lead_back_to_the_places(places: np.ndarray, bits: int) -> None:
    found = relative_indices(gaps(places), bits)
    at = np.cumsum(found.indices.astype(np.int64) + 1) - 1
    np.testing.assert_array_equal(at[~found.is_filler], places)
    assert (found.indices < 1 << bits).all()
    assert (found.indices[found.is_filler] == (1 << bits) - 1).all()


def test_the_example_of_the_paper() -> None:
    """Figure 2 of arXiv:1510.00149: places 1, 4, 15 with 3 bits; the filler lies 8 after the last entry."""
    found = relative_indices(gaps(np.array([1, 4, 15])), 3)
    assert np.flatnonzero(found.is_filler).tolist() == [2]
    assert np.cumsum(found.indices.astype(int) + 1).tolist() == [2, 5, 13, 16]


@pytest.mark.parametrize(("kept", "bits"), [(0.08, 5), (0.09, 4), (0.3, 3), (0.01, 6), (0.66, 1)])
def test_fillers_of_random_places_are_as_expected(kept: float, bits: int) -> None:
    size = 2_000_000
    places = np.flatnonzero(np.random.default_rng(bits).random(size) < kept)
    fillers = int(relative_indices(gaps(places), bits).is_filler.sum())
    expected = expected_fillers(kept, bits)
    # Fillers of one gap are geometric: variance f (1 + f); four deviations, and a little for the drawn share.
    room = 4 * np.sqrt(len(places) * expected * (1 + expected)) + 0.02 * expected * len(places)
    assert abs(fillers - expected * len(places)) < room
    assert paper_rate(kept, 5, bits, size) == pytest.approx(
        (len(places) + fillers) * (5 + bits) / (32 * size) + 32 / size, rel=0.02
    )


def test_rates_of_the_paper() -> None:
    """Table 2 of arXiv:1510.00149: ip1 of LeNet-300-100, 8 % kept, 6 bits and 5: 3.1 % in all; nothing kept."""
    assert paper_rate(0.08, 6, 5, 784 * 300) == pytest.approx(0.031, abs=0.002)
    assert paper_rate(0.0, 1, 1, 100) == 0.02
    assert expected_fillers(1.0, 4) == 0.0
