"""The L1 path: scikit-learn's weights, the conditions of an optimum, unkind predictors, every array library."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso  # type: ignore[import-untyped]

from analysis.similarity.lasso import duality_gap, lasso_path
from analysis.similarity.regression import ridge, standardized
from tests.analysis.similarity.joints import joint

PENALTIES = [0.3, 0.03, 0.003]


def layers(seed: int, samples: int = 300, predictors: int = 40, targets: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Standardized post-ReLU units of two sets that read the same sources."""
    generator = np.random.default_rng(seed)
    sources = generator.normal(size=(samples, 12))
    sets = [np.maximum(sources @ generator.normal(size=(12, units)), 0) for units in (predictors, targets)]
    noisy = [a + 0.3 * generator.normal(size=a.shape) for a in sets]
    x, y = ((a - a.mean(0)) / a.std(0) for a in noisy)
    return x, y


def correlations(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.T @ x / len(x), x.T @ y / len(x)


def objective(gram: np.ndarray, cross: np.ndarray, weights: np.ndarray, penalty: float) -> np.ndarray:
    loss = 1 - 2 * (weights * cross).sum(0) + (weights * (gram @ weights)).sum(0)
    return loss / 2 + penalty * np.abs(weights).sum(0)


def assert_optimal(gram: np.ndarray, cross: np.ndarray, weights: np.ndarray, penalty: float, atol: float) -> None:
    """Used predictors correlate with the residual by exactly the penalty, with the weight's sign; others by less."""
    residual = cross - gram @ weights
    assert np.abs(residual).max() <= penalty + atol
    used = weights != 0
    np.testing.assert_allclose(residual[used], penalty * np.sign(weights[used]), atol=atol)


def test_weights_and_losses_are_scikit_learns() -> None:
    x, y = layers(0)
    gram, cross = correlations(x, y)
    found = lasso_path(gram, cross, PENALTIES, tolerance=1e-13)
    for penalty, weights in zip(PENALTIES, found.weights, strict=True):
        model = Lasso(penalty, tol=1e-13, max_iter=100_000).fit(x, y)
        np.testing.assert_allclose(weights, model.coef_.T, atol=1e-5)
        np.testing.assert_allclose(
            ((y - x @ weights) ** 2).mean(0), ((y - model.predict(x)) ** 2).mean(0), rtol=0, atol=1e-7
        )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.floats(-4, -0.5), samples=st.sampled_from([25, 100]))
def test_conditions_of_an_optimum(seed: int, exponent: float, samples: int) -> None:
    gram, cross = correlations(*layers(seed, samples))
    found = lasso_path(gram, cross, [10**exponent], tolerance=1e-13)
    assert found.gap.max() <= 1e-13
    # A gap g leaves residual correlations off by up to (2 g) ** 0.5.
    assert_optimal(gram, cross, found.weights[0], 10**exponent, 1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.floats(-3, -0.5))
def test_the_gap_bounds_what_is_left(seed: int, exponent: float) -> None:
    gram, cross = correlations(*layers(seed))
    penalty = 10**exponent
    best = objective(gram, cross, lasso_path(gram, cross, [penalty], tolerance=1e-13).weights[0], penalty)
    for sweeps in (0, 1, 2):
        early = lasso_path(gram, cross, [penalty], tolerance=1e-13, max_sweeps=sweeps)
        left = objective(gram, cross, early.weights[0], penalty) - best
        assert (left <= early.gap[0] + 1e-12).all()
        assert early.sweeps[0] <= sweeps


def test_the_gap_says_what_was_not_reached() -> None:
    gram, cross = correlations(*layers(1))
    found = lasso_path(gram, cross, [1e-3], max_sweeps=1)
    assert found.gap.max() > 1e-6
    expected = duality_gap(found.weights[0], cross - gram @ found.weights[0], cross, 1e-3)
    np.testing.assert_allclose(found.gap[0], expected, atol=1e-12)
    assert lasso_path(gram, cross, [1e-3]).gap.max() <= 1e-6


def test_penalties_return_in_the_order_asked() -> None:
    gram, cross = correlations(*layers(2))
    found, sorted_path = (lasso_path(gram, cross, np.array(p)) for p in ([0.01, 0.3, 0.1], [0.3, 0.1, 0.01]))
    np.testing.assert_array_equal(found.penalties, [0.01, 0.3, 0.1])
    np.testing.assert_array_equal(found.weights[[1, 2, 0]], sorted_path.weights)
    np.testing.assert_array_equal(found.sweeps[[1, 2, 0]], sorted_path.sweeps)
    assert (np.diff(sorted_path.used().mean(1)) > 0).all()


def test_a_target_is_not_changed_by_others() -> None:
    gram, cross = correlations(*layers(3))
    together, alone = (lasso_path(gram, c, PENALTIES, tolerance=1e-13) for c in (cross, cross[:, 2:3]))
    np.testing.assert_allclose(together.weights[:, :, 2:3], alone.weights, atol=1e-6)


def test_a_penalty_above_every_correlation_uses_nothing() -> None:
    gram, cross = correlations(*layers(4))
    found = lasso_path(gram, cross, [np.abs(cross).max()])
    assert not found.weights.any()
    assert not found.used().any()
    assert found.sweeps[0] == 0


def test_a_small_penalty_nears_least_squares() -> None:
    problem = standardized(joint(*layers(5)))
    found = lasso_path(problem.gram, problem.cross, [1e-9], tolerance=1e-12).weights[0]
    np.testing.assert_allclose(found, ridge(problem), atol=1e-5)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_alike_predictors_converge(noise: float) -> None:
    x, y = layers(6)
    near = x + noise * np.random.default_rng(0).normal(size=x.shape)
    problem = standardized(joint(np.concatenate([x, near], axis=1), y))
    found = lasso_path(problem.gram, problem.cross, PENALTIES, tolerance=1e-9)
    assert found.gap.max() <= 1e-9
    # Coordinate descent alone takes tens of thousands.
    assert found.sweeps.max() < 100
    half = lasso_path(problem.gram[:40, :40], problem.cross[:40], PENALTIES, tolerance=1e-9)
    if not noise:
        np.testing.assert_allclose(found.weights[:, :40] + found.weights[:, 40:], half.weights, atol=1e-4)


def test_constant_units_have_no_weights() -> None:
    x, y = layers(7)
    x[:, 3], y[:, 1] = 2.5, 0.0
    problem = standardized(joint(x, y))
    found = lasso_path(problem.gram, problem.cross, PENALTIES)
    assert not found.weights[:, 3].any()
    assert not found.weights[:, :, 1].any()
    assert found.gap.max() <= 1e-6
    others = lasso_path(*correlations(np.delete(x, 3, 1), np.delete(y, 1, 1)), PENALTIES)
    np.testing.assert_allclose(np.delete(np.delete(found.weights, 3, 1), 1, 2), others.weights, atol=1e-3)


def test_every_array_library_agrees(xp: ModuleType) -> None:
    gram, cross = correlations(*layers(8, predictors=35))
    found = lasso_path(xp.asarray(gram), xp.asarray(cross), PENALTIES, tolerance=1e-12)
    expected = lasso_path(gram, cross, PENALTIES, tolerance=1e-12)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-8)
    np.testing.assert_array_equal(found.sweeps, expected.sweeps)
    assert isinstance(found.weights, np.ndarray)


def test_float32_reaches_what_its_rounding_allows(xp: ModuleType) -> None:
    gram, cross = (a.astype(np.float32) for a in correlations(*layers(9)))
    found = lasso_path(xp.asarray(gram), xp.asarray(cross), PENALTIES, tolerance=1e-5)
    assert found.gap.max() <= 1e-5


def test_what_has_no_path_is_refused() -> None:
    gram, cross = correlations(*layers(10))
    with pytest.raises(ValueError, match=r"Penalty 0 is not positive: use ridge with penalty 0 for least squares"):
        lasso_path(gram, cross, [0.1, 0.0])
    with pytest.raises(ValueError, match=r"A predictor has variance 4, expected 1, or 0 if constant"):
        lasso_path(4 * gram, cross, [0.1])
