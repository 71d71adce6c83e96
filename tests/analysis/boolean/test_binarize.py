"""Thresholds: quantiles keep their share, information gain is the root of scikit-learn's tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import mutual_info_classif  # type: ignore[import-untyped]
from sklearn.metrics import mutual_info_score  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeClassifier  # type: ignore[import-untyped]

from analysis.boolean.binarize import gain_thresholds, on, quantile_thresholds
from analysis.boolean.information import chosen_inputs, entropy, mutual_information

seeds = st.integers(0, 2**32 - 1)


def units(seed: int, samples: int = 80, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Rectified units, of which the second follows the target."""
    generator = np.random.default_rng(seed)
    target = generator.random(samples) < 0.4
    values = np.maximum(generator.normal(size=(samples, count)), 0).round(1)
    values[:, 1] += target
    return values, target


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0, 1))
def test_a_quantile_leaves_at_most_its_share_above(seed: int, quantile: float) -> None:
    values, _ = units(seed)
    thresholds = quantile_thresholds(values, quantile)
    assert (on(values, thresholds).mean(0) <= 1 - quantile + 1e-12).all()
    below = np.array(
        [column[column < threshold] for column, threshold in zip(values.T, thresholds, strict=True)], object
    )
    for column, lower in zip(values.T, below, strict=True):
        if len(lower):
            assert (column > lower.max()).mean() > 1 - quantile - 1e-12


def test_a_unit_that_is_mostly_silent_is_on_with_any_activity() -> None:
    values = np.r_[np.zeros(90), np.linspace(0.1, 1, 10)][:, None]
    assert quantile_thresholds(values, 0.8)[0] == 0
    assert on(values, quantile_thresholds(values, 0.8)).sum() == 10


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_gain_is_that_of_a_trees_root(seed: int) -> None:
    values, target = units(seed)
    thresholds, gains = gain_thresholds(values, target)
    before = float(entropy(np.array([(~target).sum(), target.sum()], float)))
    for unit, (threshold, gain) in enumerate(zip(thresholds, gains, strict=True)):
        tree = DecisionTreeClassifier(criterion="entropy", max_depth=1, random_state=0)
        tree.fit(values[:, [unit]], target)
        shares = tree.tree_.weighted_n_node_samples / len(target)
        after = float(shares[1:] @ tree.tree_.impurity[1:]) if tree.tree_.node_count > 1 else before
        assert gain == pytest.approx(before - after, abs=1e-9)
        bits = values[:, unit] > threshold
        assert gain == pytest.approx(mutual_info_score(bits, target) / np.log(2), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_threshold_moves_with_scale_and_shift_of_its_unit(seed: int) -> None:
    values, target = units(seed)
    thresholds, gains = gain_thresholds(values, target)
    moved, same = gain_thresholds(4 * values - 3, target)
    np.testing.assert_allclose(moved, 4 * thresholds - 3)
    np.testing.assert_allclose(same, gains, atol=1e-12)


def test_a_constant_unit_gains_nothing_and_is_never_on() -> None:
    values, target = units(0)
    values[:, 3] = 2.0
    thresholds, gains = gain_thresholds(values, target)
    assert (thresholds[3], gains[3]) == (np.inf, 0)
    assert not on(values, thresholds)[:, 3].any()
    assert gain_thresholds(values[:1], target[:1])[0].tolist() == [np.inf] * 5


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(wrong: float) -> None:
    values, target = units(0)
    values[3, 2] = wrong
    for asked in (lambda: quantile_thresholds(values, 0.5), lambda: gain_thresholds(values, target)):
        with pytest.raises(ValueError, match="80 samples hold 1 values that are not finite"):
            asked()
    with pytest.raises(ValueError, match=r"The quantile is 1\.5; give a share from 0 to 1"):
        quantile_thresholds(values, 1.5)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_mutual_information_is_scikit_learns(seed: int) -> None:
    values, target = units(seed)
    bits = values > 0.5
    expected = mutual_info_classif(bits, target, discrete_features=True) / np.log(2)
    np.testing.assert_allclose(mutual_information(bits, target), expected, atol=1e-9)


def test_chance_tells_as_much_as_the_docstring_says() -> None:
    generator = np.random.default_rng(0)
    bits, target = generator.random((500, 4000)) < 0.5, generator.random(500) < 0.5
    assert mutual_information(bits, target).mean() == pytest.approx(0.72 / 500, rel=0.1)


def test_copies_are_chosen_alone_and_not_jointly() -> None:
    generator = np.random.default_rng(1)
    a, b, noise = generator.random((3, 2000)) < 0.5
    target = a & b
    bits = np.column_stack([noise, a, a, b ^ (generator.random(2000) < 0.1)])
    assert chosen_inputs(bits, target, 2, "alone").tolist() == [1, 2]
    assert chosen_inputs(bits, target, 2).tolist() == [1, 3]
    assert set(chosen_inputs(bits, target, 4).tolist()) == {0, 1, 2, 3}


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_each_joint_choice_tells_most_with_those_before(seed: int) -> None:
    values, target = units(seed, samples=60)
    bits = values > 0.4
    chosen = chosen_inputs(bits, target, 3).tolist()
    for size in (1, 2, 3):
        told = []
        for unit in range(5):
            code = bits[:, [*chosen[: size - 1], unit]] @ (2 ** np.arange(size))
            told.append(mutual_info_score(code, target) if unit not in chosen[: size - 1] else -1.0)
        assert told[chosen[size - 1]] == pytest.approx(max(told), abs=1e-9)


def test_more_inputs_than_units_are_refused() -> None:
    values, target = units(0)
    with pytest.raises(ValueError, match="6 inputs were asked for; give 1 to 5 of 5 units"):
        chosen_inputs(values > 0, target, 6)
