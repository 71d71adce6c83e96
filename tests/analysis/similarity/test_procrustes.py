"""Procrustes: SciPy agrees, rotations are found, the distances are metrics, draws keep the rotation."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import ortho_group

from analysis.similarity.procrustes import angular_shape, procrustes
from tests.analysis.similarity.joints import joint, permuted

seeds = st.integers(0, 2**32 - 1)
ONCE = np.ones((1, 4))
# A cosine is good to 1e-15; near 1 its distance is to the root of that.
NEAR_ZERO = 1e-6


def layers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(2, 1, size=(60, 5))
    return x, x @ generator.normal(size=(5, 5)) + generator.normal(size=(60, 5))


def unit(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(0)) / np.linalg.norm(x - x.mean(0))


def test_scipy_agrees() -> None:
    x, y = layers()
    rotation, cosine = orthogonal_procrustes(unit(x), unit(y))
    found = procrustes(joint(x, y), ONCE).value
    assert found == pytest.approx(np.linalg.norm(unit(x) @ rotation - unit(y)), abs=1e-12)
    # SciPy scales y to fit best: what is left of x is 1 - cosine^2.
    assert 1 - (1 - found**2 / 2) ** 2 == pytest.approx(scipy_procrustes(x, y)[2], abs=1e-12)
    assert angular_shape(joint(x, y), ONCE).value == pytest.approx(np.arccos(cosine), abs=1e-12)


def test_a_smaller_layer_is_padded() -> None:
    x, y = layers()
    padded = np.column_stack([y[:, :2], np.zeros((60, 3))])
    for measure in (procrustes, angular_shape):
        assert measure(joint(x, y[:, :2]), ONCE).value == pytest.approx(measure(joint(x, padded), ONCE).value)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.01, 100))
@pytest.mark.parametrize("measure", [procrustes, angular_shape])
def test_rotation_scale_and_shift_do_not_show(measure: Callable, seed: int, scale: float) -> None:
    x, y = layers(seed)
    turned = scale * x @ ortho_group.rvs(5, random_state=seed) + scale
    found = measure(joint(x, y), ONCE).value
    assert measure(joint(turned, y), ONCE).value == pytest.approx(found, abs=1e-9)
    assert measure(joint(y, turned), ONCE).value == pytest.approx(found, abs=1e-9)
    assert measure(joint(x, turned), ONCE).value == pytest.approx(0, abs=NEAR_ZERO)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize(("measure", "high"), [(procrustes, 2**0.5), (angular_shape, np.pi / 2)])
def test_the_triangle_inequality(measure: Callable, high: float, seed: int) -> None:
    x, y = layers(seed)
    z = np.random.default_rng(seed + 1).normal(size=(60, 3)) + y[:, :3]
    xy, yz, xz = (measure(joint(*pair), ONCE).value for pair in ((x, y), (y, z), (x, z)))
    assert 0 <= xz <= min(xy + yz, high)


def test_another_invertible_map_shows() -> None:
    x, _ = layers()
    assert procrustes(joint(x, x * [10, 1, 1, 1, 1]), ONCE).value > 0.3


def test_unrelated_layers_are_far() -> None:
    x, y = layers()
    near, far = procrustes(joint(x, y), ONCE).value, procrustes(permuted(x, y), np.ones((1, 1))).value
    assert near < far - 0.2 < 2**0.5 - 0.2


def test_draws_keep_the_rotation() -> None:
    x, y = layers()
    found = procrustes(joint(x, y), np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]]))
    rotation, _ = orthogonal_procrustes(unit(x), unit(y))
    rows = np.repeat(np.arange(60), np.repeat([2, 0, 1, 1], 15))
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    assert found.draws[1] == pytest.approx(np.linalg.norm(unit(x[rows]) @ rotation - unit(y[rows])), abs=1e-12)
    assert found.draws[1] >= np.linalg.norm(
        unit(x[rows]) @ orthogonal_procrustes(unit(x[rows]), unit(y[rows]))[0] - unit(y[rows])
    )
    assert np.isnan(found.draws[2])


def test_nan_where_a_layer_is_constant_or_empty() -> None:
    x, y = layers()
    for measure in (procrustes, angular_shape):
        assert np.isnan(measure(joint(np.full_like(x, 0.3), y), ONCE).value)
        assert np.isnan(measure(joint(x[:0], y[:0]), ONCE).value)
        padded = np.column_stack([x, np.full(60, 7.3)])
        assert measure(joint(padded, y), ONCE).value == pytest.approx(measure(joint(x, y), ONCE).value, abs=1e-12)
