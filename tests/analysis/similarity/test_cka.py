"""CKA: the matrices' own formulas agree, rotations do not show, other maps do, chance is 0 once debiased."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from analysis.similarity.cka import cka, debiased_cka
from tests.analysis.similarity.joints import joint, permuted

seeds = st.integers(0, 2**32 - 1)
ONCE = np.ones((1, 4))
Reference = Callable[[np.ndarray, np.ndarray], float]


def layers(seed: int = 0, samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(2, 1, size=(samples, 5))
    return x, x[:, :3] @ generator.normal(size=(3, 4)) + generator.normal(size=(samples, 4))


def of_samples(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))


def of_kernels(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al.'s estimator, on samples x samples matrices with zeroed diagonals."""

    def hsic(k: np.ndarray, kernel: np.ndarray) -> float:
        n, ones = len(k), np.ones(len(k))
        k, kernel = (matrix * (1 - np.eye(n)) for matrix in (k, kernel))
        sums = ones @ k @ ones * (ones @ kernel @ ones) / ((n - 1) * (n - 2))
        return float((np.trace(k @ kernel) + sums - 2 / (n - 2) * ones @ k @ kernel @ ones) / (n * (n - 3)))

    k, kernel = x @ x.T, y @ y.T
    return hsic(k, kernel) / (hsic(k, k) * hsic(kernel, kernel)) ** 0.5


both = pytest.mark.parametrize(("measure", "reference"), [(cka, of_samples), (debiased_cka, of_kernels)])


@both
def test_the_matrices_say_the_same(measure: Callable, reference: Reference) -> None:
    x, y = layers()
    assert measure(joint(x, y), ONCE).value == pytest.approx(reference(x, y), abs=1e-12)


@both
def test_draws_repeat_groups(measure: Callable, reference: Reference) -> None:
    x, y = layers()
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 3], [0, 0, 0, 0]])
    found = measure(joint(x, y), weights)
    rows = [np.repeat(np.arange(60), weights[draw].astype(int).repeat(15)) for draw in range(3)]
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    np.testing.assert_allclose(found.draws[:3], [reference(x[i], y[i]) for i in rows], atol=1e-12)
    assert np.isnan(found.draws[3])


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.01, 100))
@both
def test_rotation_scale_and_shift_do_not_show(measure: Callable, reference: Reference, seed: int, scale: float) -> None:
    x, y = layers(seed)
    turned = scale * x @ ortho_group.rvs(5, random_state=seed) + scale
    assert measure(joint(turned, y), ONCE).value == pytest.approx(measure(joint(x, y), ONCE).value, abs=1e-9)
    assert measure(joint(x, turned), ONCE).value == pytest.approx(1, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
@both
def test_sides_and_units_may_change_places(measure: Callable, reference: Reference, seed: int) -> None:
    x, y = layers(seed)
    found = measure(joint(x, y), ONCE).value
    assert measure(joint(x, y).swap(), ONCE).value == pytest.approx(found, abs=1e-12)
    order = np.random.default_rng(seed).permutation(5)
    assert measure(joint(x[:, order], y), ONCE).value == pytest.approx(found, abs=1e-12)


@both
def test_another_invertible_map_shows(measure: Callable, reference: Reference) -> None:
    x, _ = layers()
    assert measure(joint(x, x * [10, 1, 1, 1, 1]), ONCE).value < 0.7


def test_chance_is_zero_once_debiased() -> None:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(30):
        sums = joint(generator.normal(size=(40, 30)), generator.normal(size=(40, 30)))
        assert cka(sums, ONCE).value > 0.3
        found.append(debiased_cka(sums, ONCE).value)
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(30)


def test_the_floor_has_one_group() -> None:
    x, y = layers(samples=400)
    assert abs(debiased_cka(permuted(x, y), np.ones((1, 1))).value) < 0.02


@both
def test_a_large_mean_costs_no_digits(measure: Callable, reference: Reference) -> None:
    x, y = layers()
    x, y = x + 100, y - 70
    assert measure(joint(x, y), ONCE).value == pytest.approx(reference(x - 100, y + 70), abs=1e-9)


@pytest.mark.parametrize("measure", [cka, debiased_cka])
def test_nan_where_undefined(measure: Callable) -> None:
    x, y = layers()
    assert np.isnan(measure(joint(np.full_like(x, 0.3), y), ONCE).value)
    assert np.isnan(measure(joint(x[:0], y[:0]), ONCE).value)
    gone = measure(joint(np.where(np.arange(60)[:, None] < 15, x, 0), y), np.array([[0.0, 1, 2, 1], [4, 0, 0, 0]]))
    assert np.isnan(gone.draws[0])
    assert 0 < gone.draws[1] < 1


def test_three_samples_have_no_debiased_value() -> None:
    x, y = layers()
    assert np.isnan(debiased_cka(joint(x[:3], y[:3], groups=1), np.ones((1, 1))).value)
    assert not np.isnan(debiased_cka(joint(x[:4], y[:4], groups=1), np.ones((1, 1))).value)


def test_a_constant_unit_does_not_show() -> None:
    x, y = layers()
    padded = np.column_stack([x, np.full(60, 7.3)])
    for measure in (cka, debiased_cka):
        assert measure(joint(padded, y), ONCE).value == pytest.approx(measure(joint(x, y), ONCE).value, abs=1e-11)
