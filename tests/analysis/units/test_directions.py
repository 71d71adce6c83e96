"""Directions as units: the singular vectors of the data, one for each group of channels, signs that do not wander."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.units.directions import group_directions, pointing, principal_directions


def data(seed: int = 0, samples: int = 400, channels: int = 7) -> np.ndarray:
    """Correlated channels of different variance and mean."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(samples, channels)) @ generator.normal(size=(channels, channels))
    return mixed * np.geomspace(1, 9, channels) + generator.normal(size=channels) * 5


def covariance(x: np.ndarray) -> np.ndarray:
    return np.cov(x, rowvar=False, bias=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_principal_directions_are_singular_vectors_of_the_data(seed: int, count: int) -> None:
    x = data(seed)
    found = principal_directions(covariance(x), count)
    _, scales, right = np.linalg.svd(x - x.mean(0), full_matrices=False)
    assert found.weights.shape == (7, count)
    np.testing.assert_allclose(np.abs(np.sum(found.weights * right[:count].T, axis=0)), 1, atol=1e-8)
    np.testing.assert_allclose(found.strength, (scales**2 / (scales**2).sum())[:count], rtol=1e-9)


def test_strength_is_the_share_of_the_variance_along_the_direction() -> None:
    x = data()
    found = principal_directions(covariance(x), 3)
    np.testing.assert_allclose((x @ found.weights).var(0) / x.var(0).sum(), found.strength, rtol=1e-9)
    assert principal_directions(covariance(x), 7).strength.sum() == pytest.approx(1)


def test_no_more_directions_than_channels() -> None:
    found = principal_directions(covariance(data(channels=3)), 9)
    assert found.weights.shape == (3, 3)
    np.testing.assert_allclose(found.weights.T @ found.weights, np.eye(3), atol=1e-12)
    assert (np.diff(found.strength) <= 0).all()


@pytest.mark.parametrize("count", [1, 3])
def test_channels_that_never_vary_have_no_share(count: int) -> None:
    x = data()
    x[:, [1, 4]] = 3.0
    found = principal_directions(covariance(x), count)
    np.testing.assert_allclose(found.weights[[1, 4]], 0, atol=1e-12)
    dead = principal_directions(np.zeros((4, 4)), count)
    np.testing.assert_array_equal(dead.strength, np.zeros(count))


def test_the_largest_weight_is_positive_whatever_the_data_are_multiplied_with() -> None:
    x = data()
    found = principal_directions(covariance(x), 7).weights
    assert (np.take_along_axis(found, np.abs(found).argmax(0)[None], 0) > 0).all()
    np.testing.assert_allclose(principal_directions(covariance(-3 * x), 7).weights, found, atol=1e-9)


@given(st.lists(st.floats(-9, 9).filter(bool), min_size=1, max_size=6))
def test_pointing_turns_a_direction_and_its_opposite_alike(weights: list[float]) -> None:
    column = np.array(weights)[:, None]
    sign = pointing(column)
    assert sign.shape == (1,)
    assert abs(sign[0]) == 1
    np.testing.assert_array_equal(column * sign, -column * pointing(-column))
    assert (column * sign).max() == np.abs(column).max()


def test_pointing_of_no_direction_at_all_is_a_sign() -> None:
    np.testing.assert_array_equal(pointing(np.zeros((3, 2))), [1, 1])


def test_a_groups_direction_is_the_first_component_of_its_scaled_channels() -> None:
    x, groups = data(), np.array([1, 0, 1, 2, 1, 0, 2])
    found = group_directions(covariance(x), groups, 3)
    for group in range(3):
        members = np.flatnonzero(groups == group)
        scaled = (x[:, members] - x[:, members].mean(0)) / x[:, members].std(0)
        left, scales, _ = np.linalg.svd(scaled, full_matrices=False)
        along = x @ found.weights[:, group]
        assert abs(np.corrcoef(along, left[:, 0])[0, 1]) == pytest.approx(1, abs=1e-9)
        assert along.var() == pytest.approx(scales[0] ** 2 / len(x)), "unit weights of channels of unit variance"
        assert found.strength[group] == pytest.approx(scales[0] ** 2 / (scales**2).sum())
        np.testing.assert_array_equal(np.flatnonzero(found.weights[:, group]), members)


def test_a_groups_direction_does_not_depend_on_the_scales_of_its_channels() -> None:
    x, groups, scales = data(), np.array([0, 0, 0, 1, 1, 1, 1]), np.geomspace(1e-3, 1e3, 7)
    found, other = (group_directions(covariance(values), groups, 2) for values in (x, x * scales))
    along, stretched = x @ found.weights, (x * scales) @ other.weights
    np.testing.assert_allclose(np.abs([np.corrcoef(along[:, g], stretched[:, g])[0, 1] for g in (0, 1)]), 1, atol=1e-9)
    np.testing.assert_allclose(found.strength, other.strength, rtol=1e-9)


def test_groups_of_one_of_dead_and_of_no_channels() -> None:
    x = data()
    x[:, 6] = 1.0
    found = group_directions(covariance(x), np.array([0, 1, 1, 1, 1, -1, 3]), 4)
    np.testing.assert_allclose(found.weights[:, 0], [1 / x[:, 0].std(), 0, 0, 0, 0, 0, 0])
    assert found.strength[0] == pytest.approx(1)
    np.testing.assert_array_equal(found.weights[:, [2, 3]], 0)
    np.testing.assert_array_equal(found.strength[[2, 3]], 0)
    np.testing.assert_array_equal(found.weights[5], 0)
