"""Quality: scikit-learn's trustworthiness; 1 for the points themselves, chance for noise, whatever the rotation."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as theirs  # type: ignore[import-untyped]

from analysis.embedding.quality import (
    class_purity,
    mutual_share,
    mutual_share_floor,
    neighbor_preservation,
    placed_preservation,
    purity_floor,
    trustworthiness,
    trustworthiness_floor,
)

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(700, 10)), GENERATOR.normal(size=(700, 2))
TURN = np.linalg.qr(GENERATOR.normal(size=(2, 2)))[0]


@pytest.mark.parametrize("k", [1, 10])
def test_trustworthiness_is_scikit_learns(k: int) -> None:
    for y in (Y, X[:, :2]):
        assert trustworthiness(X, y, k) == pytest.approx(theirs(X, y, n_neighbors=k))


def test_the_same_points_keep_everything_and_noise_what_chance_keeps() -> None:
    assert neighbor_preservation(Y, 3 * Y @ TURN + 5, 10) == 1
    assert trustworthiness(Y, 3 * Y @ TURN + 5, 10) == 1
    assert trustworthiness(X, Y, 10) == pytest.approx(trustworthiness_floor(700, 10), abs=0.02)
    assert placed_preservation(Y[:50], Y[:50] @ TURN, Y[50:], Y[50:] @ TURN, 10) == 1
    assert neighbor_preservation(X, Y, 50) == pytest.approx(50 / 699, abs=0.02)
    assert placed_preservation(X[:200], Y[:200], X[200:], Y[200:], 50) == pytest.approx(0.1, abs=0.02)


def test_purity_of_apart_and_of_mixed_classes() -> None:
    labels = GENERATOR.integers(0, 4, 700)
    apart = Y + 100 * np.stack([labels, labels], 1)
    assert class_purity(apart, labels, 10) == 1
    assert class_purity(Y, labels, 10) == pytest.approx(0.25, abs=0.03)
    assert class_purity(apart[:600], labels[:600], 10, (apart[600:], labels[600:])) == 1


def test_the_floor_of_purity_is_that_of_shuffled_labels() -> None:
    labels = GENERATOR.choice(5, 700, p=[0.5, 0.2, 0.1, 0.1, 0.1]) - 1
    new = GENERATOR.integers(-1, 4, 300)
    shuffled = [class_purity(Y, GENERATOR.permutation(labels), 10) for _ in range(30)]
    placed = [class_purity(Y, labels, 10, (Y[:300], GENERATOR.permutation(new))) for _ in range(30)]
    assert purity_floor(labels) == pytest.approx(np.mean(shuffled), abs=0.01)
    assert purity_floor(labels, new) == pytest.approx(np.mean(placed), abs=0.01)
    assert np.isnan(purity_floor(labels, np.full(3, -1)))


def test_unlabeled_points_are_no_neighbors() -> None:
    labels = np.where(np.arange(700) % 2, -1, 3)
    assert class_purity(Y, labels, 10) == 1
    assert np.isnan(class_purity(Y, np.full(700, -1), 10))
    assert np.isnan(class_purity(Y, labels, 10, (Y[:3], np.full(3, -1))))


def test_matches_are_near_from_both_sides() -> None:
    y = np.array([[0.0, 0], [1, 0], [1.5, 0], [9, 0]])
    pairs = np.array([[0, 1], [1, 2], [2, 3]])
    assert mutual_share(y, pairs, 1) == pytest.approx(1 / 3), "1 and 2 alone choose each other"
    assert np.isnan(mutual_share(y, pairs[:0], 1))


def test_the_floor_of_matches_is_that_of_shuffled_ones() -> None:
    y = GENERATOR.normal(size=(60, 2)) + np.repeat([[0.0, 0], [1, 0]], 30, 0)
    pairs = np.stack([np.arange(60), GENERATOR.permutation(60)], 1)
    sets = np.arange(60) // 30
    others = [np.concatenate([np.roll(pairs[s == sets, 1], n) for s in (0, 1)]) for n in range(1, 30)]
    expected = np.mean([mutual_share(y, np.stack([pairs[:, 0], other], 1), 10) for other in others])
    assert mutual_share_floor(y, pairs, sets, 10) == pytest.approx(expected)
    assert mutual_share_floor(y, pairs[:1], sets[:1], 10) == 0
    assert np.isnan(mutual_share_floor(y, pairs[:0], sets[:0], 10))


def test_trustworthiness_refuses_more_than_half() -> None:
    with pytest.raises(ValueError, match="trustworthiness at 350 of 700 points; take k from 1 to 349"):
        trustworthiness(X, Y, 350)
