"""Principal components: scikit-learn's, whatever the merges; and points from their scalar products."""

import numpy as np
from sklearn.decomposition import PCA  # type: ignore[import-untyped]

from analysis.embedding.pca import points_of, principal_components, sums_of

X = np.random.default_rng(0).normal(size=(200, 12)) @ np.diag(np.arange(12, 0, -1)) + 3


def test_components_are_scikit_learns() -> None:
    found, expected = principal_components(sums_of(X), 5), PCA(5).fit(X)
    np.testing.assert_allclose(np.abs(found.project(X)), np.abs(expected.transform(X)), atol=1e-9)
    np.testing.assert_allclose(found.share, expected.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(found.mean, X.mean(0))


def test_parts_merge_to_the_whole() -> None:
    merged = sums_of(X[:70]).merge(sums_of(X[70:]))
    found, whole = principal_components(merged, 12), principal_components(sums_of(X), 12)
    np.testing.assert_allclose(found.project(X), whole.project(X), atol=1e-9)


def test_all_components_keep_distances() -> None:
    y = principal_components(sums_of(X), 50).project(X)
    assert y.shape == (200, 12), "no more components than features"
    np.testing.assert_allclose(np.linalg.norm(y[0] - y, axis=1), np.linalg.norm(X[0] - X, axis=1))


def test_points_have_the_products_they_were_made_from() -> None:
    standardized = (X[:40] - X[:40].mean(0)) / X[:40].std(0)
    rho = standardized.T @ standardized / 40
    points = points_of(rho)
    np.testing.assert_allclose(points @ points.T, rho, atol=1e-12)
    squared = ((points[2] - points[7]) ** 2).sum()
    np.testing.assert_allclose(squared, ((standardized[:, 2] - standardized[:, 7]) ** 2).mean())


def test_products_of_low_rank_need_few_dimensions() -> None:
    assert points_of(np.ones((30, 30))).shape == (30, 1)
