"""Projection by mutual information: the bound stays below the truth, the estimate knows Gaussians and no others."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.decomposition import PCA  # type: ignore[import-untyped]

from analysis.embedding.infomax import (
    contrastive_information,
    drawn,
    gaussian_information,
    infomax,
    information,
)
from analysis.embedding.nearest import nearest
from analysis.embedding.quality import neighbor_preservation, placed_preservation

DIGITS = (lambda x: x - x.mean(0))(load_digits().data[:500])


def correlated(rho: float, count: int = 40_000) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = np.random.default_rng(0).normal(size=(2, count, 2))
    return torch.from_numpy(a), torch.from_numpy(rho * a + math.sqrt(1 - rho**2) * b)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_gaussian_estimate_is_exact_for_gaussians(rho: float) -> None:
    a, b = correlated(rho)
    assert float(gaussian_information(a, b)) == pytest.approx(-math.log(1 - rho**2), abs=0.01)
    turned = b @ torch.tensor([[3.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    assert float(gaussian_information(a, turned)) == pytest.approx(float(gaussian_information(a, b)), abs=0.01)


def test_the_contrastive_bound_stays_below_the_truth_and_the_log_of_the_batch() -> None:
    for rho in (0.0, 0.9, 0.999):
        a, b = (y[:500] for y in correlated(rho))
        found = float(contrastive_information(3 * a, 3 * b))
        assert found <= -math.log(1 - rho**2) + 0.05
        assert found <= math.log(500)
    far = torch.arange(500, dtype=torch.float64)[:, None] * torch.tensor([1e6, 0.0], dtype=torch.float64)
    assert float(contrastive_information(far, far)) == pytest.approx(math.log(500), abs=1e-6)


def test_the_gaussian_estimate_is_no_bound_of_what_two_signs_share() -> None:
    generator = np.random.default_rng(0)
    signs = generator.choice([-1.0, 1.0], (1000, 2))
    a, b = (torch.from_numpy(signs + 0.01 * generator.normal(size=signs.shape)) for _ in range(2))
    truth = 2 * math.log(2)
    assert float(gaussian_information(a, b)) > 5 * truth
    bounds = [float(contrastive_information(scale * a, scale * b)) for scale in (0.1, 1, 10, 100)]
    assert max(bounds) <= truth + 0.05
    assert max(bounds) > 0.9 * truth


def test_a_linear_gaussian_map_finds_the_plane_that_neighbors_share() -> None:
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 8, 600)
    x = generator.normal(size=(600, 6)) + 4 * generator.normal(size=(8, 6))[groups] * [1, 1, 0, 0, 0, 0]
    x -= x.mean(0)
    found = infomax(x, "gaussian", neighbors=10, steps=250, hidden=0)
    weights = next(iter(found.function.parameters())).detach().numpy()
    captured = np.linalg.norm(np.linalg.qr(weights.T.astype(float))[0][:2]) / math.sqrt(2)
    assert captured > 0.95, "the plane that groups span"


def test_pairs_are_neighbors_and_points_come_once() -> None:
    pairs = nearest(DIGITS, 5).indices
    first, second = drawn(pairs, 200, np.random.default_rng(0))
    assert all(b in pairs[a] or a in pairs[b] for a, b in zip(first, second, strict=True))


def test_the_map_keeps_neighbors_of_points_it_never_saw() -> None:
    x, new = DIGITS[:400], DIGITS[400:]
    found = infomax(x, steps=200, hidden=64)
    y = found(x)
    assert neighbor_preservation(x, y, 10) > 0.25
    assert placed_preservation(new, found(new), x, y, 10) > 0.2
    known = information(x, found(x), new, found(new), 15)
    assert 0.6 < known < math.log(100)
    assert known == pytest.approx(information(x, 9 * found(x), new, 9 * found(new), 15))


def test_information_is_of_points_that_made_no_map() -> None:
    x, new = DIGITS[:400], DIGITS[400:]
    anywhere = np.random.default_rng(0).normal(size=(500, 2))
    by_heart = PCA(2).fit_transform(x)
    assert information(x, by_heart, x, by_heart, 15) > 1
    assert information(x, by_heart, new, anywhere[400:], 15) < 0.1, "new points are placed anywhere"
    assert np.isnan(information(x, by_heart, new[:49], anywhere[:49], 15))
    assert information(x, np.zeros((400, 2)), new, np.zeros((100, 2)), 15) == pytest.approx(0, abs=1e-9)


def test_a_seed_decides_the_map_and_leaves_the_global_one() -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    one, other, same = (infomax(DIGITS[:100], steps=3, seed=seed)(DIGITS[:100]) for seed in (1, 2, 1))
    assert torch.equal(torch.rand(1), before)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
