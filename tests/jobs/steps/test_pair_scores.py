"""Measures by name: all of them are described, and what any of them gives lies where its description says."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.similarity.measures import MEASURES, MeasureName
from analysis.similarity.noise import Scores
from jobs.steps.compare.datasets import _scores
from jobs.steps.pair_scores import CANONICAL, ONCE, PLAIN, Truncation, estimate, pair_score, scored
from tests.analysis.similarity.joints import joint, permuted
from tests.jobs.steps import naive

seeds = st.integers(0, 2**32 - 1)
FROM_SUMS = [name for name, measure in MEASURES.items() if measure.reads == "comoments"]
FROM_DISTANCES = [name for name, measure in MEASURES.items() if measure.reads == "distances"]
SLACK = 1e-9


def layers(seed: int, samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Five units beside three that hold some of them."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, 5)) * generator.gamma(1.0, size=5) + generator.normal(size=5)
    mixed = x @ generator.normal(size=(5, 3))
    return x, mixed + generator.gamma(1.0) * generator.normal(size=mixed.shape)


def similarity(measure: MeasureName, x: np.ndarray, y: np.ndarray) -> float:
    """The value of a measure of sums, or of distances."""
    if measure in FROM_SUMS:
        return scored(measure, joint(x, y), Truncation(), np.ones((1, 4)))[0].value
    distances = [((one[:, None] - one[None]) ** 2).sum(-1).astype(np.float32) for one in (x, y)]
    groups = np.arange(len(x)) * 4 // len(x)
    return _scores(measure, distances[0], distances[1], groups, np.ones((1, 4)), neighbors=10).value


def test_every_name_is_a_measure() -> None:
    assert list(MEASURES) == list(get_args(MeasureName))
    assert set(FROM_SUMS) == set(CANONICAL) | set(PLAIN) == set(naive.SUMS)
    assert set(FROM_DISTANCES) == set(naive.DISTANCES)
    titles = [measure.title for measure in MEASURES.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_values_lie_where_the_measure_says(measure: MeasureName, seed: int) -> None:
    about = MEASURES[measure]
    x, y = layers(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    for other in (y, y[order], -y, np.abs(y)):
        value = similarity(measure, x, other)
        assert about.low - SLACK <= value <= about.high + SLACK


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_layer_with_itself_is_at_the_end_of_the_range(measure: MeasureName, seed: int) -> None:
    """A similarity is highest and a distance lowest."""
    x, _ = layers(seed)
    about = MEASURES[measure]
    best = about.high if about.kind == "similarity" else about.low
    # A distance near 0 is the square root of what rounding leaves of 1.
    assert similarity(measure, x, x) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_chance_gives_is_at_the_other_end(measure: MeasureName) -> None:
    x, _ = layers(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    itself, chance = similarity(measure, x, x), similarity(measure, x, noise)
    assert chance < itself - 0.3 if MEASURES[measure].kind == "similarity" else chance > itself + 0.8


def test_a_value_without_a_floor_is_withheld() -> None:
    x, y = layers(0)
    nothing = permuted(x[:0], y[:0])
    found = pair_score("cka", joint(x, y), nothing, Truncation(), 100, np.random.default_rng(0))
    assert np.isnan(found.estimate).all()
    assert found.kept == (5, 3)
    assert found.samples == 60
    with_floor = pair_score("cka", joint(x, y), permuted(x, y), Truncation(), 100, np.random.default_rng(0))
    assert with_floor.estimate.floor == pytest.approx(scored("cka", permuted(x, y), Truncation(), ONCE)[0].value)
    assert with_floor.estimate.low < with_floor.estimate.value < with_floor.estimate.high


def test_a_floor_without_a_value_stays_known() -> None:
    draws = np.array([0.1, 0.2])
    assert np.isnan(estimate(Scores(float("nan"), draws), 0.3)[:3]).all()
    assert estimate(Scores(float("nan"), draws), 0.3).floor == 0.3
    assert estimate(Scores(0.5, draws), 0.3).value == 0.5


def test_cca_compares_all_directions_and_svcca_those_of_most_variance() -> None:
    x, y = layers(3)
    loud = x * [100.0, 100.0, 1.0, 1.0, 1.0]
    kept = {name: scored(name, joint(loud, y), Truncation(0.9), np.ones((1, 4)))[1] for name in ("cca", "svcca")}
    assert kept["cca"] == (5, 3)
    assert kept["svcca"][0] <= 2
