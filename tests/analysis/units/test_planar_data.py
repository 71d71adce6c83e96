"""Planar data: without noise the points lie on their curves; seeds repeat and leave the global state alone."""

from collections.abc import Callable

import numpy as np
import pytest

from analysis.units.planar_data import Planar, rings, spiral, two_moons

MAKERS = [two_moons, spiral, rings]


@pytest.mark.parametrize("make", MAKERS)
def test_seeds_repeat_and_leave_the_global_state_alone(make: Callable[..., Planar]) -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    one, again, other = make(101, seed=3), make(101, seed=3), make(101, seed=4)
    np.testing.assert_array_equal(one.points, again.points)
    assert not np.array_equal(one.points, other.points)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # type: ignore[index]
    assert one.points.shape == (101, 2)
    assert np.abs(np.diff(np.bincount(one.labels))).max() == 1
    assert np.abs(make(1000, noise=0.0).points).max() <= 1


@pytest.mark.parametrize("make", MAKERS)
def test_noise_is_a_standard_deviation(make: Callable[..., Planar]) -> None:
    apart = make(4000, noise=0.2).points - make(4000, noise=0.0).points
    np.testing.assert_allclose(apart.std(0), 0.2, rtol=0.05)


def test_moons_are_half_circles() -> None:
    points, labels = two_moons(200, noise=0.0)
    for label, sign in ((0, 1), (1, -1)):
        from_center = points[labels == label] - sign * np.array([-1 / 3, -1 / 6])
        np.testing.assert_allclose(np.linalg.norm(from_center, axis=1), 2 / 3, rtol=1e-5)
        assert (sign * from_center[:, 1] >= -1e-6).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_rings_have_their_radius(count: int) -> None:
    points, labels = rings(60, noise=0.0, count=count)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), (labels + 1) / count, rtol=1e-6)


@pytest.mark.parametrize("arms", [1, 2, 3])
def test_an_arm_turned_is_the_next(arms: int) -> None:
    points, labels = spiral(90, noise=0.0, arms=arms, turns=2.0)
    radius = np.linalg.norm(points, axis=1)
    assert radius.min() >= 0.1 - 1e-6
    angle = 2 * np.pi * (2 * (radius - 0.1) / 0.9 + labels / arms)
    np.testing.assert_allclose(points, radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-5)


@pytest.mark.parametrize(
    ("points", "noise", "message"), [(0, 0.1, "0 points of 2"), (5, -1.0, r"Noise is -1\.0"), (5, float("nan"), "nan")]
)
def test_wrong_numbers_are_refused(points: int, noise: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_moons(points, noise=noise)
