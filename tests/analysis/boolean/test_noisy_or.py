"""Noisy-OR: explaining away, posteriors equal to enumeration, a fit that finds what was planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from analysis.boolean.noisy_or import UNSEEN, CauseCounts, NoisyOr, cause_counts
from analysis.boolean.noisy_or_fit import log_likelihood, noisy_or
from tests.analysis.boolean.medical import FLU, MEDICAL, STREP, U, X, Y, Z, enumerated, observed

seeds = st.integers(0, 2**32 - 1)


def random_network(seed: int) -> NoisyOr:
    generator = np.random.default_rng(seed)
    causes, findings = generator.integers(1, 4), generator.integers(1, 5)
    return NoisyOr(
        generator.uniform(0.05, 0.6, causes),
        generator.uniform(0, 0.95, (causes, findings)),
        generator.uniform(0.01, 0.5, findings),
    )


def believed(**findings: int) -> tuple[float, float]:
    flu, strep = MEDICAL.posterior(observed(**findings)[None])[0]
    return float(flu), float(strep)


def test_causes_compete_for_what_they_explain() -> None:
    before, after = believed(), believed(x=1, y=1)
    assert before == pytest.approx((0.1, 0.05))
    assert after[FLU] > before[FLU]
    assert after[STREP] > before[STREP]
    with_z, with_u = believed(x=1, y=1, z=1), believed(x=1, y=1, u=1)
    assert with_z[STREP] < after[STREP] < with_u[STREP]
    assert with_u[FLU] < after[FLU] < with_z[FLU]


def test_a_finding_of_another_cause_says_nothing_by_itself() -> None:
    assert believed(z=1)[STREP] == pytest.approx(0.05)
    assert believed(u=1)[FLU] == pytest.approx(0.1)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_posteriors_are_those_of_enumeration(seed: int) -> None:
    model, generator = random_network(seed), np.random.default_rng(seed)
    findings = generator.integers(-1, 2, (3, len(model.leak)))
    found = model.posterior(findings)
    for row, posterior in zip(findings, found, strict=True):
        np.testing.assert_allclose(posterior, enumerated(model, row), rtol=1e-10)
    np.testing.assert_allclose(model.states(findings).sum(1), 1.0, rtol=1e-12)


def test_the_medical_posteriors_are_those_of_enumeration() -> None:
    rows = np.stack(np.meshgrid(*[[UNSEEN, 0, 1]] * 4), axis=-1).reshape(-1, 4)
    np.testing.assert_allclose(MEDICAL.posterior(rows), [enumerated(MEDICAL, row) for row in rows], rtol=1e-10)


def test_an_explanation_adds_up_from_prior_to_posterior() -> None:
    found = MEDICAL.explanation(STREP, observed(x=1, y=1, z=1))
    assert found.prior == pytest.approx(np.log(0.05 / 0.95))
    assert found.probability == pytest.approx(believed(x=1, y=1, z=1)[STREP])
    assert found.evidence[X] > 0
    assert found.evidence[Y] > 0
    assert found.evidence[Z] < 0
    assert found.evidence[U] == 0
    assert MEDICAL.explanation(FLU, observed(x=1, y=1, u=1)).evidence[U] < 0


def test_a_single_cause_adds_each_findings_own_evidence() -> None:
    model = NoisyOr(np.array([0.3]), np.array([[0.6, 0.4]]), np.array([0.1, 0.2]))
    found = model.explanation(0, np.array([1, 0]))
    on = model.on()
    expected = [np.log(on[1, 0] / on[0, 0]), np.log((1 - on[1, 1]) / (1 - on[0, 1]))]
    np.testing.assert_allclose(found.evidence, expected)


def test_near_certainty_is_not_rounded_away() -> None:
    model = NoisyOr(np.array([0.5]), np.full((1, 40), 0.99), np.full(40, 0.01))
    found = model.explanation(0, np.ones(40, int))
    assert found.posterior == pytest.approx(40 * np.log(model.on()[1, 0] / 0.01))


def test_what_cannot_occur_is_refused() -> None:
    model = NoisyOr(np.array([0.5]), np.array([[0.0, 1.0]]), np.array([0.0, 0.1]))
    with pytest.raises(
        ValueError, match="Row 1 of the findings is impossible in this network; give its findings a leak"
    ):
        model.posterior(np.array([[0, 1], [1, 1]]))
    np.testing.assert_allclose(model.posterior(np.array([[0, 0], [0, 1]])), [[0.0], [1 / 1.1]])
    with pytest.raises(ValueError, match=r"17 causes have 2\^17 states; give at most 16"):
        NoisyOr(np.full(17, 0.1), np.zeros((17, 1)), np.zeros(1)).on()


def drawn(model: NoisyOr, images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    causes = generator.random((images, len(model.prior))) < model.prior
    off = (1 - model.leak) * np.prod(np.where(causes[:, :, None], 1 - model.strength, 1.0), axis=1)
    return causes, generator.random(off.shape) >= off


def test_planted_strengths_are_found_again() -> None:
    model = NoisyOr(np.array([0.3, 0.4]), MEDICAL.strength, MEDICAL.leak)
    found = noisy_or(cause_counts(*drawn(model, 40_000, 0)))
    np.testing.assert_allclose(found.prior, model.prior, atol=0.01)
    np.testing.assert_allclose(found.strength, model.strength, atol=0.02)
    np.testing.assert_allclose(found.leak, model.leak, atol=0.01)


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_the_fit_is_where_a_general_optimizer_ends(seed: int) -> None:
    model = random_network(seed)
    counts = cause_counts(*drawn(model, 500, seed))
    shape = len(model.prior) + 1, len(model.leak)
    found = noisy_or(counts)

    def loss(odds: np.ndarray) -> float:
        chance = expit(odds.reshape(shape))
        fitted = NoisyOr(found.prior, chance[:-1], chance[-1])
        return -log_likelihood(fitted, counts) - float(np.log(chance).sum() + np.log1p(-chance).sum())

    chance = np.vstack([found.strength, found.leak])
    reached = loss(np.log(chance / (1 - chance)).ravel())
    best = minimize(loss, np.zeros(shape[0] * shape[1]), method="BFGS").fun
    assert reached <= best + 1e-4


def test_every_round_of_the_fit_raises_the_density() -> None:
    counts = cause_counts(*drawn(MEDICAL, 3000, 1))
    densities = []
    for tolerance in (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-6):
        fitted = noisy_or(counts, tolerance=tolerance)
        chance = np.vstack([fitted.strength, fitted.leak])
        densities.append(log_likelihood(fitted, counts) + np.log(chance).sum() + np.log1p(-chance).sum())
    assert (np.diff(densities) >= -1e-9).all()
    assert densities[-1] > densities[0]


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 50))
def test_counts_of_causes_add_up(seed: int, cut: int) -> None:
    causes, findings = drawn(MEDICAL, 50, seed)
    whole, parts = (
        cause_counts(causes, findings),
        [cause_counts(causes[part], findings[part]) for part in (slice(cut), slice(cut, None))],
    )
    merged = parts[1].merge(parts[0])
    np.testing.assert_array_equal(merged.images, whole.images)
    np.testing.assert_array_equal(merged.on, whole.on)


def test_nothing_becomes_impossible_and_a_smoothing_is_positive() -> None:
    never = CauseCounts(np.array([10, 10]), np.zeros((2, 1), int))
    found = noisy_or(never)
    assert 0 < found.strength[0, 0] < 0.5
    assert 0 < found.leak[0] < 0.1
    with pytest.raises(ValueError, match="The smoothing is 0; give a positive number"):
        noisy_or(never, smoothing=0)
    assert log_likelihood(NoisyOr(np.array([0.5]), np.ones((1, 1)), np.zeros(1)), never) == -np.inf
