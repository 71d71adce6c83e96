"""Hard and soft matches: assignment on repeated units and the whole linear program agree, draws keep the plan."""

from collections.abc import Callable
from math import lcm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from analysis.similarity.soft_matching import Plan, hard_correlation_match, soft_correlation_match
from tests.analysis.similarity.joints import joint

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
ONCE = np.ones((1, 4))
# HiGHS holds prices to 1e-7, and all of a plan's mass is 1.
SOLVER = 1e-7


def layers(seed: int = 0, shape: tuple[int, int] = (5, 3), samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(samples, 3))
    x, y = (hidden @ generator.normal(size=(3, units)) for units in shape)
    return x + generator.normal(size=x.shape), y + generator.normal(size=y.shape)


def correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]


def by_assignment(rho: np.ndarray) -> float:
    """Every unit repeated until both sides have as many: a permutation of these is an optimal plan (Birkhoff)."""
    size = lcm(*rho.shape)
    repeated = np.repeat(np.repeat(rho, size // rho.shape[0], 0), size // rho.shape[1], 1)
    return float(repeated[linear_sum_assignment(repeated, maximize=True)].mean())


def dense(plan: Plan, shape: tuple[int, int]) -> np.ndarray:
    matrix = np.zeros(shape)
    matrix[plan.x, plan.y] = plan.share
    return matrix


@settings(max_examples=30, deadline=None)
@given(seed=seeds, shape=sizes)
def test_assignment_of_repeated_units_agrees(seed: int, shape: tuple[int, int]) -> None:
    x, y = layers(seed, shape)
    found, plan = soft_correlation_match(joint(x, y), ONCE)
    assert found.value == pytest.approx(by_assignment(correlations(x, y)), abs=SOLVER)
    np.testing.assert_allclose(dense(plan, shape).sum(1), 1 / shape[0], rtol=1e-12)
    np.testing.assert_allclose(dense(plan, shape).sum(0), 1 / shape[1], rtol=1e-12)
    assert len(plan.x) < sum(shape)


@pytest.mark.parametrize("shape", [(31, 40), (40, 31)])
def test_the_whole_linear_program_agrees(shape: tuple[int, int]) -> None:
    x, y = layers(0, shape, samples=200)
    rho = correlations(x, y)
    marginals = np.vstack([np.kron(np.eye(shape[0]), np.ones(shape[1])), np.kron(np.ones(shape[0]), np.eye(shape[1]))])
    amounts = np.repeat([1 / shape[0], 1 / shape[1]], shape)
    expected = linprog(-rho.ravel(), A_eq=marginals, b_eq=amounts, method="highs-ipm")
    assert soft_correlation_match(joint(x, y), ONCE)[0].value == pytest.approx(-expected.fun, abs=SOLVER)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, size=st.integers(1, 12))
def test_soft_is_hard_between_layers_of_one_size(seed: int, size: int) -> None:
    x, y = layers(seed, (size, size))
    hard, soft = hard_correlation_match(joint(x, y), ONCE), soft_correlation_match(joint(x, y), ONCE)
    assert hard[0].value == soft[0].value
    assert hard[0].value == pytest.approx(by_assignment(correlations(x, y)), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_permutation_scale_and_shift_do_not_show(seed: int) -> None:
    x, y = layers(seed, (6, 4))
    generator = np.random.default_rng(seed)
    changed = (x * generator.uniform(0.1, 10, 6) + generator.normal(size=6))[:, generator.permutation(6)]
    for match in (hard_correlation_match, soft_correlation_match):
        expected = match(joint(x, y), ONCE)[0].value
        assert match(joint(changed, y), ONCE)[0].value == pytest.approx(expected, abs=SOLVER)
        assert match(joint(y, changed), ONCE)[0].value == pytest.approx(expected, abs=SOLVER)
    assert hard_correlation_match(joint(x, changed), ONCE)[0].value == pytest.approx(1, abs=1e-12)


def test_repeated_units_match_softly() -> None:
    x, _ = layers()
    found, plan = soft_correlation_match(joint(x, np.repeat(x, 2, axis=1)), ONCE)
    assert found.value == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(plan.x, plan.y // 2)


def test_a_rotation_shows() -> None:
    x = np.random.default_rng(0).normal(size=(500, 8))
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    assert hard_correlation_match(joint(x, x @ rotation), ONCE)[0].value < 0.8


@pytest.mark.parametrize("match", [hard_correlation_match, soft_correlation_match])
def test_draws_keep_the_plan(match: Callable) -> None:
    x, y = layers()
    found, plan = match(joint(x, y), np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]]))
    rows = np.repeat(np.arange(60), np.repeat([2, 0, 1, 1], 15))
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    assert found.value == pytest.approx(plan.share @ correlations(x, y)[plan.x, plan.y], abs=1e-12)
    expected = plan.share @ correlations(x[rows], y[rows])[plan.x, plan.y]
    assert found.draws[1] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found.draws[2])


def test_constant_units_take_no_part() -> None:
    x, y = layers(0, (5, 4))
    dead = x.copy()
    dead[:, 2] = 0.3
    for match in (hard_correlation_match, soft_correlation_match):
        found, plan = match(joint(dead, y), ONCE)
        assert found.value == pytest.approx(match(joint(np.delete(x, 2, 1), y), ONCE)[0].value, abs=SOLVER)
        assert 2 not in plan.x
    x[:45, 0] = 0
    found, plan = soft_correlation_match(joint(x, y), np.array([[1.0, 1, 1, 0]]))
    rest = plan.x != 0
    expected = plan.share[rest] @ correlations(x[:45, 1:], y[:45])[plan.x[rest] - 1, plan.y[rest]]
    assert found.draws[0] == pytest.approx(expected / plan.share[rest].sum(), abs=1e-12)


def test_nothing_alive() -> None:
    x, y = layers()
    for match in (hard_correlation_match, soft_correlation_match):
        for sums in (joint(np.zeros_like(x), y), joint(x[:0], y[:0])):
            found, plan = match(sums, ONCE)
            assert np.isnan(found.value)
            assert np.isnan(found.draws).all()
            assert not len(plan.share)


def test_whole_layers() -> None:
    x, y = layers(0, (96, 256), samples=500)
    found, _ = soft_correlation_match(joint(x, y), ONCE)
    assert found.value == pytest.approx(by_assignment(correlations(x, y)), abs=SOLVER)
