"""Regression from comoments: NumPy's and the closed form's weights, losses as computed from the samples themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.similarity.joint import Joint
from analysis.similarity.regression import fit_and_held_out, group_losses, losses, ridge, standardized
from tests.analysis.similarity.joints import joint

GROUPS = 4


def layers(seed: int = 0, samples: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Six correlated predictors away from zero, three targets of other scales, half of each of them noise."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, 6)) @ generator.normal(size=(6, 6)) + generator.normal(size=6)
    y = x @ generator.normal(size=(6, 3)) * [1.0, 0.01, 30.0]
    return x, y + y.std(0) * generator.normal(size=y.shape)


def unit(a: np.ndarray) -> np.ndarray:
    return (a - a.mean(0)) / a.std(0)


def direct(weights: np.ndarray, fit: tuple[np.ndarray, ...], scored: tuple[np.ndarray, ...]) -> np.ndarray:
    """Losses from samples: standardized by `fit`, relative to the variance in `scored`."""
    (x, y), (x_scored, y_scored) = fit, scored
    target = (y_scored - y.mean(0)) / y.std(0)
    return ((target - (x_scored - x.mean(0)) / x.std(0) @ weights) ** 2).mean(0) / target.var(0)


def halves(seed: int = 0) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    x, y = layers(seed)
    return (x[:240], y[:240]), (x[240:], y[240:])


def test_standardized_units_have_their_correlations() -> None:
    x, y = layers()
    found = standardized(joint(x, y))
    expected = np.corrcoef(x.T, y.T)
    np.testing.assert_allclose(found.gram, expected[:6, :6], atol=1e-12)
    np.testing.assert_allclose(found.cross, expected[:6, 6:], atol=1e-12)
    assert (np.diag(found.gram) == 1).all()
    assert found.live_x.all()
    assert found.live_y.all()


def test_least_squares_is_numpys() -> None:
    x, y = layers()
    expected = np.linalg.lstsq(unit(x), unit(y))[0]
    np.testing.assert_allclose(ridge(standardized(joint(x, y))), expected, atol=1e-10)


def test_dependent_predictors_share_the_weights_of_smallest_norm() -> None:
    x, y = layers()
    x = np.concatenate([x, 3 * x[:, :2] + 1], axis=1)
    expected = np.linalg.lstsq(unit(x), unit(y), rcond=1e-8)[0]
    found = ridge(standardized(joint(x, y)))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(found[:2], found[6:], atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.floats(-4, 2))
def test_ridge_is_the_closed_form(seed: int, exponent: float) -> None:
    x, y = layers(seed)
    x_unit, penalty = unit(x), 10.0**exponent
    expected = np.linalg.solve(x_unit.T @ x_unit + len(x) * penalty * np.eye(6), x_unit.T @ unit(y))
    # Float64's rounding over the smallest penalty; no direction is cut at these.
    np.testing.assert_allclose(ridge(standardized(joint(x, y)), penalty), expected, atol=1e-10)


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Ridge penalty -1 is negative"):
        ridge(standardized(joint(*layers())), -1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_losses_are_those_of_the_samples(seed: int) -> None:
    fit, scored = halves(seed)
    weights = np.random.default_rng(seed).normal(size=(6, 3))
    found = losses(weights, joint(*fit), joint(*scored))
    np.testing.assert_allclose(found, direct(weights, fit, scored), rtol=1e-9)


def test_a_resampling_of_groups_is_a_resampling_of_samples() -> None:
    fit, (x, y) = halves()
    weights = ridge(standardized(joint(*fit)))
    draws = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 4], [0, 0, 0, 0]])
    found = group_losses(weights, joint(*fit), joint(x, y, GROUPS), draws)
    np.testing.assert_allclose(found[0], losses(weights, joint(*fit), joint(x, y, GROUPS)), rtol=1e-12)
    for row, draw in zip(found, draws[:3].astype(int), strict=False):
        taken = np.repeat(np.arange(len(x)), draw[np.arange(len(x)) * GROUPS // len(x)])
        np.testing.assert_allclose(row, direct(weights, fit, (x[taken], y[taken])), rtol=1e-9)
    assert np.isnan(found[3]).all()


def test_predicting_the_mean_costs_one() -> None:
    fit = joint(*halves()[0])
    np.testing.assert_allclose(losses(np.zeros((6, 3)), fit, fit), 1, rtol=1e-12)


def test_a_linear_relation_costs_nothing() -> None:
    x, _ = layers()
    y = x @ np.random.default_rng(1).normal(size=(6, 3)) + 5
    fit, scored = joint(x[:240], y[:240]), joint(x[240:], y[240:])
    np.testing.assert_allclose(losses(ridge(standardized(fit)), fit, scored), 0, atol=1e-12)


def test_chance_costs_more_than_the_mean() -> None:
    x, y = (np.random.default_rng(seed).normal(size=(640, 20)) for seed in (0, 1))
    fit, scored = fit_and_held_out(joint(x, y, 16))
    found = losses(ridge(standardized(fit)), fit, scored)
    # 20 useless weights fitted on 480 samples add 20 / 480 to the error, give or take 1 / 160 ** 0.5 a target.
    assert found.mean() == pytest.approx(1 + 20 / 480, abs=0.03)


def test_constant_units_are_left_out() -> None:
    (x, y), (x_scored, y_scored) = halves()
    x[:, 1], y[:, 0], y_scored[:, 2] = 7.3, 0.0, -2.0
    fit, scored = joint(x, y), joint(x_scored, y_scored)
    problem = standardized(fit)
    assert problem.live_x.tolist() == [True, False, True, True, True, True]
    assert problem.live_y.tolist() == [False, True, True]
    assert not problem.gram[1].any()
    assert not problem.cross[1].any()
    weights = ridge(problem)
    assert not weights[1].any()
    assert np.isnan(losses(weights, fit, scored)).tolist() == [True, False, True]


def test_without_samples_nothing_is_live() -> None:
    empty = joint(*layers()).weighted(np.zeros(4))
    problem = standardized(empty)
    assert not problem.live_x.any()
    assert not ridge(problem).any()
    assert np.isnan(losses(ridge(problem), empty, empty)).all()


def test_noise_with_fewer_images_keeps_their_means() -> None:
    x, y = layers()
    whole, fewer = joint(x, y, 1), joint(x[:-40], y[:-40], 1)
    mixed = Joint(whole.x, whole.y, fewer.xy)
    problem = standardized(mixed)
    weights = ridge(problem)
    expected = 1 + (weights * (problem.gram @ weights - 2 * problem.cross)).sum(0)
    np.testing.assert_allclose(losses(weights, mixed, mixed), expected, rtol=1e-10)


@pytest.mark.parametrize(("groups", "count"), [(16, 4), (20, 4), (15, 3), (4, 1), (2, 1)])
def test_the_last_groups_are_held_out(groups: int, count: int) -> None:
    x, y = layers()
    whole = joint(x, y, groups)
    fit, scored = fit_and_held_out(whole)
    assert (scored.xy.n > 0).tolist() == [False] * (groups - count) + [True] * count
    for part, found, rest in zip(
        ("x", "y", "xy"), (fit.x, fit.y, fit.xy), (scored.x, scored.y, scored.xy), strict=True
    ):
        np.testing.assert_array_equal(found.merge(rest).cross, getattr(whole, part).cross)
        np.testing.assert_array_equal(found.merge(rest).n, getattr(whole, part).n)


def test_groups_without_samples_do_not_count() -> None:
    x, y = layers()
    whole = joint(x, y, 4)
    sparse = Joint(*(c.merge(c) for c in fit_and_held_out(whole)[0].__dict__.values()))
    fit, scored = fit_and_held_out(sparse)
    assert (fit.xy.n > 0).tolist() == [True, True, False, False]
    assert (scored.xy.n > 0).tolist() == [False, False, True, False]


def test_one_group_cannot_be_held_out() -> None:
    with pytest.raises(ValueError, match=r"1 groups hold samples, a held-out loss needs 2"):
        fit_and_held_out(joint(*layers(), groups=1))
    with pytest.raises(ValueError, match=r"Cannot hold out 16 of 16 groups"):
        fit_and_held_out(joint(*layers(), groups=16), 16)
