"""Rows come out as they went in, in whole shards; what a dtype cannot hold is refused by name and value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import ClusterError, Refused
from cluster.gather import Gather, check_fits
from cluster.geometry import DType, LayerGeometry
from cluster.units import Unit


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 6), st.integers(0, 3))
def test_any_batches_give_the_rows_in_order(batches: list[int], shard: int, first: int) -> None:
    start = first * shard * 20
    total = sum(batches)
    gather = Gather("a/c", LayerGeometry((2,), "float32", 1, shard), Unit(first, start, start + total))
    rows = np.arange(total * 2, dtype=np.float32).reshape(total, 2)
    shards = []
    for batch in np.split(rows, np.cumsum(batches)[:-1]):
        borrowed = batch.copy()
        shards += list(gather.take(borrowed))
        borrowed[:] = -1
    gather.check_complete()
    assert [at for at, _ in shards] == list(range(start, start + total, shard))
    assert all(len(part) == shard for _, part in shards[:-1])
    np.testing.assert_array_equal(np.concatenate([part for _, part in shards] or [rows]), rows)


@pytest.mark.parametrize("given_dtype", [np.float16, np.float32])
@pytest.mark.parametrize("kept", ["float16", "float32"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value: float, kept: DType, given_dtype: type) -> None:
    rows: np.ndarray = np.zeros((4, 2, 3, 3), given_dtype)
    rows[2, 1, 0, 0] = value
    with pytest.raises(Refused, match=rf"^a/conv1 has the value {value} in row 12"):
        check_fits("a/conv1", rows, kept, first_row=10)


@pytest.mark.parametrize("value", [65505.0, 65519.0, 70000.0, -70000.0])
def test_overflow_of_float16_names_the_key_to_change(value: float) -> None:
    rows = np.zeros((4, 2), np.float32)
    rows[3, 1] = value
    with pytest.raises(Refused, match=rf"has the value {value} in row 3.*65,504; set extract\.dtype: float32"):
        check_fits("a/conv1", rows, "float16")
    check_fits("a/conv1", rows, "float32")


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=50))
def test_the_bits_of_halves_tell_what_isfinite_tells(bits: list[int]) -> None:
    rows = np.array(bits, np.uint16).view(np.float16)
    if np.isfinite(rows).all():
        check_fits("a/c", rows, "float16")
    else:
        with pytest.raises(Refused):
            check_fits("a/c", rows, "float16")


def test_the_largest_values_fit() -> None:
    check_fits("a/c", np.array([[65504.0, -65504.0, -0.0, 1e-30]], np.float32), "float16")
    check_fits("a/c", np.array([[65504.0, -65504.0, -0.0]], np.float16)[:, ::2], "float16")


def test_wrong_rows_are_named() -> None:
    gather = Gather("a/c", LayerGeometry((2,), "float32", 1, 4), Unit(3, 12, 15))
    with pytest.raises(ClusterError, match=r"a/c holds rows of shape \(2,\); these have \(3,\)"):
        list(gather.take(np.zeros((1, 3), np.float32)))
    with pytest.raises(ClusterError, match="a/c got more than the 3 rows of unit 3"):
        list(gather.take(np.zeros((4, 2), np.float32)))
    with pytest.raises(ClusterError, match="a/c got rows of float64; convert them"):
        list(gather.take(np.zeros((1, 2))))
    with pytest.raises(ClusterError, match="a/c got 0 of the 3 rows of unit 3"):
        gather.check_complete()


def test_the_memory_of_a_written_shard_is_filled_again_and_one_is_kept() -> None:
    spare: list[np.ndarray] = []
    gather = Gather("a/c", LayerGeometry((2,), "float32", 1, 4), Unit(0, 0, 14), spare)
    shards = [shard for _, shard in gather.take(np.ones((8, 2), np.float32))]
    for shard in shards:
        gather.give_back(shard)
    assert len(spare) == 1
    (_, third), (_, short) = gather.take(np.zeros((6, 2), np.float32))
    assert third is shards[0]
    assert third.sum() == 0
    gather.give_back(short)
    assert spare == []
