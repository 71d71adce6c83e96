"""Cooling: the ladder of rates, mobility of a known walk, relaxation times and the transition that were planted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.dynamics.cooling import Ladder, fluctuation, glass_transition, mobility, overlap, relaxation_time


def test_the_ladder_falls_in_equal_ratios_after_the_hold() -> None:
    ladder = Ladder(hot=0.1, cold=0.001, temperatures=3, dwell=2, hold=1)
    steps = 5
    total = steps * ladder.epochs
    assert ladder.epochs == 7
    rates = [ladder.learning_rate(step, total) for step in range(total)]
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.01, 0.001], [15, 10, 10]))
    assert [list(ladder.epochs_at(number)) for number in range(3)] == [[1, 2, 3], [3, 4, 5], [5, 6, 7]]


def test_the_mobility_of_a_random_walk_grows_with_the_lag() -> None:
    steps = np.random.default_rng(0).normal(size=(9, 20_000))
    walk = np.cumsum(steps, 0).astype(np.float32)
    np.testing.assert_allclose(mobility(walk), np.arange(1, 9), rtol=0.05)


def test_weights_that_stay_are_remembered_and_weights_that_grow_alike_too() -> None:
    weights = np.outer([1.0, 2.0, 5.0], np.arange(1, 8)).astype(np.float32)
    np.testing.assert_allclose(overlap(weights), 1.0)
    np.testing.assert_allclose(mobility(np.repeat(weights[:1], 3, 0)), 0.0)
    np.testing.assert_allclose(overlap(np.eye(3, dtype=np.float32)), 0.0)


@given(scale=st.floats(1e-4, 0.2), power=st.floats(0.4, 2.0), memory=st.floats(0.6, 0.99))
def test_a_planted_relaxation_time_is_found(scale: float, power: float, memory: float) -> None:
    lags = np.arange(1, 30)
    true = ((1 - memory) / scale) ** (1 / power)
    found = relaxation_time(1 - scale * lags**power, memory)
    if true > 29:
        assert found == math.inf
    elif true >= 1:
        assert found == pytest.approx(true)
    else:
        assert 0 < found <= 1


def test_the_transition_is_where_the_curve_crosses() -> None:
    rates = np.geomspace(1.0, 1e-4, 9)
    assert glass_transition(rates, 1 - 0.5 * rates**0.7, 0.9) == pytest.approx(0.2 ** (1 / 0.7))
    assert glass_transition(rates, np.full(9, 0.95), 0.9) == math.inf, "frozen from the first"
    assert glass_transition(rates, np.full(9, 0.5), 0.9) == 0, "never frozen"


def test_fluctuation_is_the_deviation_of_a_noise_whatever_its_length() -> None:
    noise = np.random.default_rng(0).normal(scale=0.3, size=(4_000, 5))
    for times in (2, 3, 5):
        found = np.sqrt(np.mean([fluctuation(row[:times]) ** 2 for row in noise]))
        assert found == pytest.approx(0.3, rel=0.03)
    assert math.isnan(fluctuation(np.ones(1)))
