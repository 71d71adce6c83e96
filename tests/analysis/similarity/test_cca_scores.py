"""CCA, SVCCA and PWCCA of two layers: what matching misses, what noise gives, what resampled images change."""

import numpy as np
import pytest

from analysis.comoments import Accumulator, Pair
from analysis.similarity.cca import CanonicalScores, cca, pwcca, svcca
from analysis.similarity.correlation import correlation
from analysis.similarity.joint import Joint
from analysis.similarity.matching import bipartite_matching
from analysis.similarity.noise import group_weights
from tests.analysis.similarity.joints import joint, permuted
from tests.analysis.similarity.test_cca import layers, mixture, of_samples, truncated

MEASURES = {"cca": cca, "svcca": svcca, "pwcca": pwcca}
measures = pytest.mark.parametrize("measure", MEASURES)
ONE = np.ones((1, 1))


def score(measure: str, joint: Joint, draws: int = 1) -> CanonicalScores:
    return MEASURES[measure](joint, np.ones((draws, len(joint.xy.n))))


def matched(joint: Joint) -> float:
    """Mean |correlation| of the bipartite matching."""
    rho = np.abs(correlation(joint.xy.units(slice(-1), slice(-1))))
    return float(rho[bipartite_matching(rho)].mean())


@measures
def test_a_mixture_is_the_same_layer_to_cca_though_no_unit_has_a_partner(measure: str) -> None:
    x = np.random.default_rng(0).normal(size=(2000, 64))
    y = x @ mixture(1, 64)
    mixed, noise = joint(x, y), permuted(x, y)
    # SVCCA at 99 % leaves out of each layer what it does not need, not the same of both.
    assert score(measure, mixed).scores.value == pytest.approx(1, abs=0.02 if measure == "svcca" else 1e-9)
    # An entry of a random mixture of 64 units is about 1/8, and the best of 64 of them 0.3; noise gives 0.05.
    assert matched(noise) < matched(mixed) < 0.35


@measures
def test_a_permutation_is_the_same_layer_to_both(measure: str) -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=(500, 20))
    moved = joint(x, x[:, generator.permutation(20)])
    assert score(measure, moved).scores.value == pytest.approx(1, abs=1e-12)
    assert matched(moved) == pytest.approx(1, abs=1e-12)


@measures
def test_noise_stays_at_its_floor(measure: str) -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 2000, 20))
    noise, floor = joint(x, y), permuted(x, y)
    assert score(measure, noise).scores.value == pytest.approx(score(measure, floor).scores.value, abs=0.02)
    assert score(measure, noise).scores.value < 0.1
    assert matched(noise) == pytest.approx(matched(floor), abs=0.02)


@pytest.mark.parametrize(("rule", "power"), [("squared", 2), ("unsquared", 1)])
def test_svcca_of_a_joint_is_its_authors_recipe(rule: str, power: int) -> None:
    x, y = layers(4, 12, 10)
    found = svcca(joint(x, y), np.ones((1, 4)), variance=0.9, rule=rule)  # type: ignore[arg-type]
    expected = of_samples(truncated(x, 0.9, power), truncated(y, 0.9, power))
    np.testing.assert_allclose(found.found.coefficients, expected, atol=1e-9)
    assert found.scores.value == pytest.approx(expected.mean(), abs=1e-9)


@pytest.mark.parametrize("units", [(6, 4), (4, 6), (5, 5)])
def test_pwcca_of_samples_agrees(units: tuple[int, int]) -> None:
    x, y = (values - values.mean(0) for values in layers(5, *units))
    basis_x, basis_y = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    left, coefficients, right = np.linalg.svd(basis_x.T @ basis_y, full_matrices=False)
    variates, smaller = (basis_x @ left, x) if units[0] <= units[1] else (basis_y @ right.T, y)
    alpha = np.array([sum(abs(variate @ unit) for unit in smaller.T) for variate in variates.T])
    expected = (alpha * coefficients).sum() / alpha.sum()
    assert score("pwcca", joint(x, y)).scores.value == pytest.approx(expected, abs=1e-10)


@measures
@pytest.mark.parametrize("groups", [1, 4])
def test_unit_weights_give_the_value(measure: str, groups: int) -> None:
    scores = score(measure, joint(*layers(6), groups=groups), draws=3).scores
    np.testing.assert_allclose(scores.draws, scores.value, atol=1e-12)


@measures
def test_draws_are_correlations_of_the_same_variates_on_resampled_images(measure: str) -> None:
    x, y = layers(7)
    weights = np.array([[2.0, 0, 1, 1]])
    scores, found = MEASURES[measure](joint(x, y), weights)
    images = np.r_[0:75, 0:75, 150:300]
    variates = (x @ found.x)[images], (y @ found.y)[images]
    rho = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(variates[0].T, variates[1].T, strict=True)])
    share = np.ones(len(rho))
    if measure == "pwcca":  # the smaller side is y
        share = np.abs(np.cov(y.T, bias=True) @ found.y).sum(0)
    assert scores.draws[0] == pytest.approx((rho * share).sum() / share.sum(), abs=1e-12)


@measures
def test_the_interval_holds_the_value(measure: str) -> None:
    resampled = joint(*layers(8), groups=16)
    weights = group_weights(resampled.xy.n, 500, np.random.default_rng(9))
    estimate = MEASURES[measure](resampled, weights).scores.estimate(0.0)
    assert estimate.low < estimate.value < estimate.high < estimate.low + 0.2


@measures
def test_too_few_samples_are_no_score(measure: str) -> None:
    x, y = np.random.default_rng(10).normal(size=(2, 12, 8))
    scores, found = score(measure, joint(x, y), draws=3)
    assert np.isnan(scores.value)
    assert np.isnan(scores.draws).all()
    assert scores.draws.shape == (3,)
    assert found.coefficients.shape == (0,)
    assert found.kept_x + found.kept_y >= 12


@measures
@pytest.mark.parametrize("samples", [0, 50])
def test_dead_layers_and_no_samples_are_no_score(measure: str, samples: int) -> None:
    alive = layers(11)[1][:samples]
    scores, found = score(measure, joint(np.full((samples, 6), 2.0), alive))
    assert np.isnan([scores.value, *scores.draws]).all()
    assert found.kept_x == 0


def test_float32_sums_are_enough() -> None:
    x, y = layers(12, 16, 12)
    double, single = score("cca", joint(x, y)), score("cca", joint(x.astype(np.float32), y.astype(np.float32)))
    np.testing.assert_allclose(single.found.coefficients, double.found.coefficients, atol=1e-4)
    assert single.scores.draws[0] == pytest.approx(double.scores.value, abs=1e-4)


@pytest.mark.parametrize("deviations", [0, 1, 5])
def test_rounding_is_no_direction(deviations: int) -> None:
    """The farther units lie from zero, the more their float32 sums round: 5 deviations are the most that is summed."""
    generator = np.random.default_rng(13)
    causes = generator.normal(size=(16_384, 24)).astype(np.float32)
    x, y = (causes @ generator.normal(size=(24, 96)).astype(np.float32) for _ in range(2))
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y")
    accumulator = Accumulator(dict.fromkeys(pairs, 1), {"x": np.zeros(97), "y": np.zeros(97)})
    sets = {"x": x + deviations * x.std(0), "y": y + deviations * y.std(0)}
    norms = {name: np.append(values, (values**2).sum(1, keepdims=True), 1) for name, values in sets.items()}
    accumulator.add({name: values[:, None, :] for name, values in norms.items()}, np.zeros(len(x), np.int64))
    found = cca(Joint(*(accumulator.comoments()[pair] for pair in pairs)), ONE).found
    assert (found.kept_x, found.kept_y) == (24, 24)
    np.testing.assert_allclose(found.coefficients, 1, atol=1e-3)
