"""Two threads sort as one does, whatever the values."""

import numpy as np
import pytest

from analysis.compression import two_thread_sort
from analysis.compression.kmeans import SortedValues, nearest_codes


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_thread_sort, "WORTH", 2)


@pytest.mark.parametrize("count", [2, 3, 1000, 1001])
@pytest.mark.parametrize("kind", ["normal", "few", "falling", "equal"])
def test_values_are_sorted(count: int, kind: str) -> None:
    rng = np.random.default_rng(count)
    values = {
        "normal": rng.standard_normal(count), "few": rng.integers(0, 3, count).astype(float),
        "falling": -np.arange(count, dtype=float), "equal": np.ones(count),
    }[kind].astype(np.float32)  # fmt: skip
    expected = np.sort(values)
    two_thread_sort.sort(values, 2)
    np.testing.assert_array_equal(values, expected)


def test_nan_goes_last() -> None:
    values = np.array([3, np.nan, 1, 2, 0, np.inf], np.float32)
    expected = np.sort(values)
    two_thread_sort.sort(values, 2)
    np.testing.assert_array_equal(values, expected)


def test_clusters_and_codes_are_those_of_one_thread() -> None:
    values = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    one, two = (SortedValues(values, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.values, two.values)
    found = one.lloyd(one.start(16, "density"))
    codes = nearest_codes(values, found.centroids)
    np.testing.assert_array_equal(codes, nearest_codes(values, found.centroids, threads=2))
