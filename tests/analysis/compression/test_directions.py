"""Directions of a layer's input: orthonormal rows in each method's order, against what defines them."""

import numpy as np
import pytest

from analysis.compression.directions import at_random, by_activity, by_variance, shared
from analysis.similarity.cca import canonical


def samples(channels: int = 8, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(channels)
    return rng.standard_normal((count, channels)) @ rng.standard_normal((channels, channels)) + rng.uniform(
        0, 2, channels
    )


def covariances(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = x - x.mean(0), y - y.mean(0)
    return x.T @ x / len(x), y.T @ y / len(y), x.T @ y / len(x)


def assert_rotation(rows: np.ndarray) -> None:
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-10)


def test_variance_falls_along_principal_components() -> None:
    x = samples()
    covariance = covariances(x, x)[0]
    rows = by_variance(covariance)
    assert_rotation(rows)
    spread = np.diag(rows @ covariance @ rows.T)
    np.testing.assert_allclose(spread, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-8)


def test_active_channels_are_those_of_largest_mean_square() -> None:
    x = samples()
    rows = by_activity(covariances(x, x)[0], x.mean(0))
    assert_rotation(rows)
    np.testing.assert_array_equal(rows.argmax(1), np.argsort(-(x**2).mean(0)))


def test_random_directions_are_a_rotation_of_the_generators() -> None:
    rows = at_random(6, np.random.default_rng(1))
    assert_rotation(rows)
    np.testing.assert_array_equal(rows, at_random(6, np.random.default_rng(1)))


def test_the_first_shared_directions_span_those_of_svcca() -> None:
    x = samples()
    y = np.tanh(x[:, :3] @ np.random.default_rng(0).standard_normal((3, 5)))
    blocks = covariances(x, y)
    rows = shared(*blocks, len(x))
    assert_rotation(rows)
    assert rows.shape == (8, 8)
    found = canonical(*blocks, len(x), variance=0.99).x
    for count in range(1, found.shape[1] + 1):
        left = found[:, :count] - rows[:count].T @ (rows[:count] @ found[:, :count])
        np.testing.assert_allclose(left, 0, atol=1e-8)


def test_channels_that_never_vary_leave_a_rotation() -> None:
    x = samples()
    x[:, 3] = 1.0
    x[:, 5] = x[:, 4]
    for rows in (by_variance(covariances(x, x)[0]), shared(*covariances(x, x[:, :2]), len(x))):
        assert rows.shape == (8, 8)
        assert_rotation(rows)


def test_too_few_samples_are_refused() -> None:
    x = samples(count=10)
    with pytest.raises(ValueError, match="sample"):
        shared(*covariances(x, x), 10)
