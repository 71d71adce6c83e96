"""Learning-rate schedules at the points where their formulas are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.dynamics.recipe import Schedule, TrainOptions, learning_rate


@pytest.mark.parametrize(("step", "expected"), [(0, 1.0), (25, 0.5 + 0.5 * math.sqrt(0.5)), (50, 0.5), (75, 0.1464466)])
def test_cosine_falls_as_half_a_cosine(step: int, expected: float) -> None:
    options = TrainOptions(learning_rate=1.0, schedule="cosine")
    assert learning_rate(options, step, 100) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("step", "expected"), [(0, 1.0), (49, 1.0), (50, 0.1), (74, 0.1), (75, 0.01), (99, 0.01)])
def test_step_drops_tenfold_twice(step: int, expected: float) -> None:
    assert learning_rate(TrainOptions(learning_rate=1.0, schedule="step"), step, 100) == expected


def test_warmup_rises_linearly_to_the_peak() -> None:
    options = TrainOptions(epochs=10, learning_rate=1.0, schedule="constant", warmup=0.4)
    rates = [learning_rate(options, step, 100) for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@given(
    schedule=st.sampled_from(["constant", "cosine", "step"]),
    total=st.integers(1, 500),
    share=st.floats(0, 1, exclude_max=True),
    warmup=st.floats(0, 11),
)
def test_the_rate_stays_above_zero_and_below_the_peak(
    schedule: Schedule, total: int, share: float, warmup: float
) -> None:
    options = TrainOptions(learning_rate=0.3, schedule=schedule, warmup=warmup)
    assert 0 < learning_rate(options, int(share * total), total) <= 0.3


def test_the_usual_rate_depends_on_the_optimizer() -> None:
    assert (TrainOptions().peak, TrainOptions(optimizer="adam").peak) == (0.05, 1e-3)
    assert TrainOptions(learning_rate=0.2).peak == 0.2
