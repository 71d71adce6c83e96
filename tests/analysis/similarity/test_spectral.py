"""Subspaces: planted ones are recovered in both nets, whatever the order, sign and scale of their units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped]

from analysis.similarity.matching import ALONE
from analysis.similarity.spectral import Subspaces, subspaces

seeds = st.integers(0, 2**32 - 1)
PLANTED_X, PLANTED_Y = np.repeat([0, 1, 2], 8), np.repeat([0, 1, 2], 6)


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two nets that mix the same three signals of three dimensions, 8 and 6 units each, with a little noise."""
    generator = np.random.default_rng(seed)
    signals = generator.normal(size=(300, 3, 3))
    nets = [np.hstack([signals[:, i] @ generator.normal(size=(3, units)) for i in range(3)]) for units in (8, 6)]
    x, y = (net + 0.1 * generator.normal(size=net.shape) for net in nets)
    return x, y


def grouped(x: np.ndarray, y: np.ndarray, clusters: int = 3, seed: int = 0) -> Subspaces:
    return subspaces(*blocks(x, y), clusters, seed)


def blocks(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore"):
        rho, units = np.corrcoef(x.T, y.T), x.shape[1]
    return rho[:units, :units], rho[:units, units:], rho[units:, units:]


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_planted_subspaces_are_recovered(seed: int) -> None:
    found = grouped(*planted(seed))
    both = np.concatenate([found.labels_x, found.labels_y])
    assert adjusted_rand_score(np.concatenate([PLANTED_X, PLANTED_Y]), both) == 1


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_order_sign_and_scale_of_units_do_not_show(seed: int) -> None:
    x, y = planted(seed)
    generator = np.random.default_rng(seed)
    order, scale = generator.permutation(24), generator.choice([-3.0, 0.5], 24)
    found, moved = grouped(x, y), grouped((x * scale + 1)[:, order], y)
    np.testing.assert_array_equal(moved.labels_x, found.labels_x[order])
    np.testing.assert_array_equal(moved.labels_y, found.labels_y)


def test_groups_hold_their_units_and_means() -> None:
    x, y = planted(0)
    found = grouped(x, y)
    within, between, _ = map(np.abs, blocks(x, y))
    strengths = [group.within for group in found.groups]
    assert strengths == sorted(strengths, reverse=True)
    for number, group in enumerate(found.groups):
        np.testing.assert_array_equal(group.x, np.flatnonzero(found.labels_x == number))
        np.testing.assert_array_equal(group.y, np.flatnonzero(found.labels_y == number))
        assert group.between == pytest.approx(between[np.ix_(group.x, group.y)].mean())
        apart = within[np.ix_(group.x, group.x)][~np.eye(len(group.x), dtype=bool)]
        assert group.within_x == pytest.approx(apart.mean())
        pairs = np.array([len(group.x), len(group.y)])
        pairs = np.append(pairs * (pairs - 1), 2 * pairs.prod())
        means = [group.within_x, group.within_y, group.between]
        assert group.within == pytest.approx(np.average(means, weights=pairs))


def test_order_shows_the_groups_as_blocks() -> None:
    found = grouped(*planted(0))
    order = found.order()
    labels = np.concatenate([found.labels_x, found.labels_y])[order]
    np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], 14))
    assert sorted(order) == list(range(42))
    np.testing.assert_array_equal(order[:8], found.groups[0].x)
    np.testing.assert_array_equal(order[8:14], found.groups[0].y + 24)


def test_constant_units_are_in_no_group() -> None:
    x, y = planted(0)
    dead_x, dead_y = np.insert(x, 3, 0.0, axis=1), np.insert(y, [0, 9], 7.0, axis=1)
    found, alive = grouped(dead_x, dead_y), grouped(x, y)
    np.testing.assert_array_equal(found.labels_x, np.insert(alive.labels_x, 3, ALONE))
    np.testing.assert_array_equal(found.labels_y, np.insert(alive.labels_y, [0, 9], ALONE))
    for group, expected in zip(found.groups, alive.groups, strict=True):
        np.testing.assert_array_equal(np.delete(np.arange(25), 3)[expected.x], group.x)
        np.testing.assert_array_equal(np.delete(np.arange(20), [0, 10])[expected.y], group.y)
        assert group.between == pytest.approx(expected.between)
    assert set(found.order()[-3:]) == {3, 25, 35}


def test_a_graph_in_pieces_is_its_pieces() -> None:
    rho = np.kron(np.eye(3), np.full((4, 4), 0.5))
    np.fill_diagonal(rho, 1)
    found = subspaces(rho, np.kron(np.eye(3), np.full((4, 4), 0.5)), rho, 3, seed=0)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 4), found.labels_x) == 1
    np.testing.assert_array_equal(found.labels_x, found.labels_y)


def test_groups_of_one_are_last_and_have_no_mean() -> None:
    found = grouped(*planted(0), clusters=30)
    sizes = [len(group.x) + len(group.y) for group in found.groups]
    strengths = np.array([group.within for group in found.groups])
    pairs = np.count_nonzero(np.array(sizes) > 1)
    assert sum(sizes) == 42
    assert sizes[pairs:] == [1] * (30 - pairs)
    assert (np.diff(strengths[:pairs]) <= 0).all()
    assert np.isnan(strengths[pairs:]).all()


@pytest.mark.parametrize("clusters", [0, 42])
def test_clusters_must_be_fewer_than_units(clusters: int) -> None:
    with pytest.raises(ValueError, match=rf"clusters is {clusters}, expected 1 to 41 for 42 live units"):
        grouped(*planted(0), clusters=clusters)
