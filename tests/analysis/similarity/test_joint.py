"""Joint: covariances without the norms, sums of products of norms about the mean, whatever the pivot."""

import numpy as np
import pytest

from analysis.comoments import Accumulator, Pair
from analysis.similarity.joint import Joint, with_norm
from tests.analysis.similarity.joints import joint


def layers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(2, 1, size=(60, 5))
    return x, x[:, :3] @ generator.normal(size=(3, 4)) + 0.1 * generator.normal(size=(60, 4))


def test_covariances_are_numpys() -> None:
    x, y = layers()
    found = joint(x, y).covariances()
    expected = np.cov(x.T, y.T, bias=True)
    np.testing.assert_allclose(found.x, expected[:5, :5], atol=1e-12)
    np.testing.assert_allclose(found.y, expected[5:, 5:], atol=1e-12)
    np.testing.assert_allclose(found.xy, expected[:5, 5:], atol=1e-12)
    assert found.samples == 60


@pytest.mark.parametrize("pivot", [0.0, 1.5])
def test_norm_products_are_about_the_mean(pivot: float) -> None:
    x, y = layers()
    sets, pairs = {"x": x[:, None, :], "y": y[:, None, :]}, (Pair("x", "x"), Pair("y", "y"), Pair("x", "y"))
    pivots = {name: np.full(values.shape[2], pivot) for name, values in sets.items()}
    samples = {name: with_norm(values, pivots[name]) for name, values in sets.items()}
    accumulator = Accumulator(dict.fromkeys(pairs, 4), {name: np.append(p, 0.0) for name, p in pivots.items()})
    accumulator.add(samples, np.arange(60) // 15)
    found = accumulator.comoments()
    norms = [((values - values.mean(0)) ** 2).sum(1) for values in (x, y)]
    expected = [norms[0] @ norms[0], norms[1] @ norms[1], norms[0] @ norms[1]]
    np.testing.assert_allclose(Joint(*(found[pair] for pair in pairs)).norm_product(), expected, rtol=1e-11)


def test_weights_repeat_groups() -> None:
    x, y = layers()
    twice = np.concatenate([x[:15], x[:15], x[30:]]), np.concatenate([y[:15], y[:15], y[30:]])
    found = joint(x, y).weighted(np.array([2.0, 0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found.covariances().xy, joint(*twice, groups=1).covariances().xy, atol=1e-12)
    np.testing.assert_allclose(found.norm_product(), joint(*twice, groups=1).norm_product(), rtol=1e-11)


def test_constant_units_have_zero_rows() -> None:
    x, y = layers()
    x[:, 2] = 7.3
    found = joint(x, y).covariances()
    assert not found.x[2].any()
    assert not found.x[:, 2].any()
    assert not found.xy[2].any()
