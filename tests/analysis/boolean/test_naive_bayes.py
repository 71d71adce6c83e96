"""Naive Bayes: scikit-learn's posteriors, evidence that adds up; calibration by bins that add up too."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve  # type: ignore[import-untyped]
from sklearn.metrics import brier_score_loss  # type: ignore[import-untyped]
from sklearn.naive_bayes import BernoulliNB  # type: ignore[import-untyped]

from analysis.boolean.calibration import Reliability, reliability
from analysis.boolean.naive_bayes import naive_bayes, unit_counts

seeds = st.integers(0, 2**32 - 1)


def images(seed: int, count: int = 80, units: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    target = generator.random(count) < 0.4
    return generator.random((count, units)) < np.where(target[:, None], 0.7, 0.3), target


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from([0.5, 1.0, 3.0]))
def test_posteriors_are_scikit_learns(seed: int, smoothing: float) -> None:
    bits, target = images(seed)
    assume(target.any() and not target.all())
    model = naive_bayes(unit_counts(bits, target), smoothing)
    theirs = BernoulliNB(alpha=smoothing, class_prior=[1 - model.prior, model.prior]).fit(bits, target)
    np.testing.assert_allclose(expit(model.log_odds(bits)), theirs.predict_proba(bits)[:, 1], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_an_explanation_is_one_images_log_odds(seed: int) -> None:
    bits, target = images(seed)
    model = naive_bayes(unit_counts(bits, target))
    found = model.explanation(bits[0])
    assert found.posterior == pytest.approx(model.log_odds(bits[:1])[0])
    assert found.probability == pytest.approx(expit(model.log_odds(bits[:1]))[0])
    unit = model.on[:, 0]
    share = unit[1] / unit[0] if bits[0, 0] else (1 - unit[1]) / (1 - unit[0])
    assert found.evidence[0] == pytest.approx(np.log(share))


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 80))
def test_counts_of_units_add_up(seed: int, cut: int) -> None:
    bits, target = images(seed)
    merged = unit_counts(bits[cut:], target[cut:]).merge(unit_counts(bits[:cut], target[:cut]))
    np.testing.assert_array_equal(merged.on, unit_counts(bits, target).on)
    np.testing.assert_array_equal(merged.images, unit_counts(bits, target).images)


def test_laplaces_rule_after_nothing_is_a_half() -> None:
    model = naive_bayes(unit_counts(np.zeros((0, 2), bool), np.zeros(0, bool)))
    assert model.prior == 0.5
    assert (model.on == 0.5).all()
    with pytest.raises(ValueError, match="The smoothing is -1; give a positive number"):
        naive_bayes(unit_counts(*images(0)), -1)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_bins_and_errors_are_scikit_learns(seed: int) -> None:
    generator = np.random.default_rng(seed)
    predicted = generator.random(200)
    target = generator.random(200) < predicted**2
    found = reliability(predicted, target)
    share, mean = calibration_curve(target, predicted, n_bins=10)
    held = found.images > 0
    np.testing.assert_allclose(found.share()[held], share)
    np.testing.assert_allclose(found.mean_predicted()[held], mean)
    assert found.expected_error() == pytest.approx((found.images[held] * np.abs(share - mean)).sum() / 200)
    assert found.brier() == pytest.approx(brier_score_loss(target, predicted))


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 200))
def test_predictions_add_up_over_images(seed: int, cut: int) -> None:
    generator = np.random.default_rng(seed)
    predicted, target = generator.random(200), generator.random(200) < 0.5
    whole = reliability(predicted, target, 7)
    merged = reliability(predicted[cut:], target[cut:], 7).merge(reliability(predicted[:cut], target[:cut], 7))
    np.testing.assert_array_equal(merged.came_true, whole.came_true)
    np.testing.assert_allclose(merged.predicted, whole.predicted)
    assert merged.expected_error() == pytest.approx(whole.expected_error())
    assert merged.brier() == pytest.approx(whole.brier())


def test_intervals_are_wilsons() -> None:
    found = reliability(np.array([0.05] * 8 + [0.95] * 20 + [1.0]), np.array([True] + [False] * 7 + [True] * 21))
    low, high = found.interval()
    for place, images_of, true in ((0, 8, 1), (9, 21, 21)):
        expected = binomtest(true, images_of).proportion_ci(method="wilson")
        assert (low[place], high[place]) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert np.isnan(low[1:9]).all()
    assert np.isnan(found.share()[1:9]).all()


def test_without_images_nothing_is_claimed() -> None:
    nothing = reliability(np.zeros(0), np.zeros(0, bool))
    assert isinstance(nothing, Reliability)
    assert np.isnan(nothing.expected_error())
    assert np.isnan(nothing.brier())
    with pytest.raises(ValueError, match="Predictions hold values outside 0-1; give probabilities"):
        reliability(np.array([0.5, 1.5]), np.array([True, False]))
