"""t-SNE: the gradient is that of the divergence, openTSNE's and scikit-learn's; two ways reach one minimum."""

from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_digits  # type: ignore[import-untyped]

from analysis.arrays import to_numpy
from analysis.embedding import tsne_exact
from analysis.embedding.affinities import joint_probabilities
from analysis.embedding.pca import principal_components, sums_of
from analysis.embedding.place import own_cross_entropy, placed
from analysis.embedding.quality import neighbor_preservation
from analysis.embedding.tsne import sparse_divergence, tsne
from analysis.embedding.tsne_exact import descended, divergence, exact_tsne, gradient, similarities, started

DIGITS = load_digits().data
COMPONENTS = principal_components(sums_of(DIGITS[:300]), 50)
X = COMPONENTS.project(DIGITS[:300])
NEW = COMPONENTS.project(DIGITS[300:340])
Y = np.random.default_rng(0).normal(size=(300, 2)) * 3
P = joint_probabilities(X, 20.0)


@pytest.fixture(scope="module")
def mapped() -> np.ndarray:
    return tsne(X, 20.0, late=200).y


def test_q_is_student_t_with_one_degree_of_freedom(xp: ModuleType) -> None:
    q = to_numpy(similarities(xp.asarray(Y)))
    assert q.sum() == pytest.approx(1)
    assert (np.diag(q) == 0).all()
    squared = ((Y[:, None] - Y[None]) ** 2).sum(2)
    density = torch.distributions.StudentT(1.0).log_prob(torch.from_numpy(np.sqrt(squared))).exp().numpy()
    np.fill_diagonal(density, 0)
    np.testing.assert_allclose(q, density / density.sum(), rtol=1e-8)


def test_the_gradient_is_that_of_the_divergence(xp: ModuleType) -> None:
    y = torch.from_numpy(Y).requires_grad_()
    weights = 1 / (1 + (y[:, None] - y[None]).square().sum(2))
    q = weights / (weights.sum() - len(y))
    p = torch.from_numpy(P)
    kl = (p * (torch.log(torch.where(p > 0, p, 1.0)) - torch.log(q))).sum()
    kl.backward()
    found = to_numpy(gradient(xp.asarray(P), xp.asarray(Y)))
    assert y.grad is not None
    np.testing.assert_allclose(found, y.grad.numpy(), atol=1e-12)
    assert divergence(xp.asarray(P), xp.asarray(Y)).kl == pytest.approx(kl.item())


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gradient(P, Y)
    monkeypatch.setattr(tsne_exact.blocks, "__defaults__", (37,))
    np.testing.assert_allclose(gradient(P, Y), whole, atol=1e-15)


def test_the_gradient_is_opentsnes_and_scikit_learns() -> None:
    from openTSNE.tsne import kl_divergence_bh  # type: ignore[import-untyped]
    from sklearn.manifold._t_sne import _kl_divergence  # type: ignore[import-untyped]

    theirs = kl_divergence_bh(Y, csr_matrix(P), 1, {"theta": 0.0})[1]
    np.testing.assert_allclose(gradient(P, Y), 4 * theirs, atol=1e-12)
    kl, slope = _kl_divergence(Y.ravel(), P[np.triu_indices(300, 1)], 1, 300, 2)
    np.testing.assert_allclose(gradient(P, Y).ravel(), slope, atol=1e-10)
    assert divergence(P, Y).kl == pytest.approx(kl)


def test_cross_entropy_and_kl_differ_by_the_entropy_of_p() -> None:
    entropy = -(P[P > 0] * np.log(P[P > 0])).sum()
    for found in (divergence(P, Y), sparse_divergence(csr_array(P), Y)):
        assert found.cross_entropy - found.kl == pytest.approx(entropy)
    assert divergence(P, Y) == pytest.approx(sparse_divergence(csr_array(P), Y))


def test_both_ways_reach_one_minimum(mapped: np.ndarray) -> None:
    exact = exact_tsne(X, started(X), 20.0)
    approximated = divergence(P, mapped).kl
    assert exact.divergence.kl == pytest.approx(divergence(P, exact.y).kl)
    assert abs(approximated - exact.divergence.kl) < 0.1
    for y in (mapped, exact.y):
        assert neighbor_preservation(DIGITS[:300], y, 10) > 0.6


def test_the_same_points_give_the_same_map(mapped: np.ndarray) -> None:
    np.testing.assert_array_equal(tsne(X, 20.0, late=200).y, mapped)


def test_other_libraries_take_the_exact_way() -> None:
    found = tsne(torch.from_numpy(X[:100]), 10.0)
    assert isinstance(found.y, np.ndarray)
    expected = exact_tsne(X[:100], started(X[:100]), 10.0)
    assert found.divergence.kl == pytest.approx(expected.divergence.kl, abs=0.1)


def test_divergence_falls_and_the_map_is_centered() -> None:
    y = descended(P, started(X), early=100, late=30)
    assert divergence(P, y).kl < divergence(P, started(X)).kl
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-9)


def test_the_start_is_small_and_flat_data_stay() -> None:
    assert started(X)[:, 0].std() == pytest.approx(1e-4)
    assert (started(np.zeros((5, 2))) == 0).all()


def test_one_component_starts_off_its_line(xp: ModuleType) -> None:
    start = to_numpy(started(xp.asarray(3 * X[:, :1])))
    assert start.shape == (300, 2)
    np.testing.assert_allclose(start[:, 0], started(X)[:, 0])
    assert 0 < start[:, 1].std() < 0.1 * start[:, 0].std()


def test_points_that_do_not_move_are_no_division_by_zero(xp: ModuleType) -> None:
    flat = xp.zeros((40, 3))
    found = exact_tsne(flat, started(flat), 5.0)
    assert (to_numpy(found.y) == 0).all()
    assert (to_numpy(placed(flat[:4, :], flat, found.y, 5.0)) == 0).all()


def test_new_points_are_placed_near_their_kin(mapped: np.ndarray, xp: ModuleType) -> None:
    places = to_numpy(placed(xp.asarray(X + 1e-6), xp.asarray(X), xp.asarray(mapped), 10.0))
    width = np.ptp(mapped)
    assert np.median(np.linalg.norm(places - mapped, axis=1)) < 0.03 * width


def test_where_a_point_lies_does_not_depend_on_the_others(mapped: np.ndarray) -> None:
    together = placed(NEW, X, mapped)
    alone = np.concatenate([placed(NEW[n : n + 1], X, mapped) for n in range(len(NEW))])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_no_divergence_rises_by_placing(mapped: np.ndarray) -> None:
    from analysis.embedding.affinities import conditional_probabilities
    from analysis.embedding.nearest import squared_distances

    p = conditional_probabilities(squared_distances(NEW, X), 30.0)
    before, after = (own_cross_entropy(p, y, mapped) for y in (p @ mapped, placed(NEW, X, mapped)))
    assert (after <= before).all()
    assert (after < before).mean() > 0.9


def test_too_many_points_for_the_exact_way_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsne_exact, "MOST", 100)
    with pytest.raises(ValueError, match="Exact t-SNE of 300 points; take at most 100"):
        exact_tsne(X, started(X))
