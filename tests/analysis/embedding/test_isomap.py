"""Isomap: a rolled sheet is unrolled, landmarks place the others, a graph in parts is told."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll  # type: ignore[import-untyped]

from analysis.embedding.isomap import isomap

ROLL, ALONG = make_swiss_roll(1000, random_state=0)


def test_the_roll_is_unrolled() -> None:
    found = isomap(ROLL, 7)
    assert found.parts == 1
    assert abs(spearmanr(found.y[:, 0], ALONG).statistic) > 0.98
    np.testing.assert_allclose(found.placed(ROLL[:20]), found.y[:20], atol=1e-6)


def test_landmarks_place_the_others() -> None:
    found = isomap(ROLL, 7, seed=1, landmarks=900)
    assert np.isfinite(found.y).all()
    assert abs(spearmanr(found.y[:, 0], ALONG).statistic) > 0.95
    np.testing.assert_array_equal(isomap(ROLL, 7, seed=1, landmarks=900).y, found.y)


def test_parts_are_told() -> None:
    far = np.concatenate([ROLL[:100], ROLL[:100] + 1e3])
    assert isomap(far, 5).parts == 2


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="Isomap of 10 points with 10 neighbors"):
        isomap(ROLL[:10], 10)
