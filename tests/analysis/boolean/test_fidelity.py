"""Fidelity: scikit-learn's numbers, term by term; a tree of the same size; what is left without an input."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (  # type: ignore[import-untyped]
    accuracy_score,
    balanced_accuracy_score,
    precision_score,
    recall_score,
)

from analysis.boolean.ablation import ablations, carriers
from analysis.boolean.decision_tree import decision_tree, tree_of_size
from analysis.boolean.fidelity import Score, fidelity, term_fidelities
from analysis.boolean.formula import Form
from analysis.boolean.minimize import minimize
from analysis.boolean.notation import letters, parse
from analysis.boolean.truth_table import Counts, codes_of, counts
from tests.analysis.boolean.targets import noisy

seeds = st.integers(0, 2**32 - 1)
SCORES: tuple[Score, ...] = ("accuracy", "balanced_accuracy")


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(["AB' + CD", "(A+B)(C'+D)", "0"]))
def test_numbers_are_those_of_the_images_one_by_one(seed: int, text: str) -> None:
    bits, target = noisy("AB + C", 4, seed, count=60, wrong=0.3)
    formula = parse(text, letters(4))
    predicted = formula.truth()[codes_of(bits)]
    found = fidelity(formula.truth(), counts(bits, target))
    assert found.images == 60
    assert found.accuracy == accuracy_score(target, predicted)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(target, predicted))
    assert found.recall == recall_score(target, predicted)
    if predicted.any():
        assert found.precision == precision_score(target, predicted)
    else:
        assert np.isnan(found.precision)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(["AB' + CD", "(A+B)(C'+D)"]))
def test_terms_are_judged_by_the_images_under_them(seed: int, text: str) -> None:
    bits, target = noisy("AB + C", 4, seed, count=60, wrong=0.3)
    formula = parse(text, letters(4))
    right = target if formula.form == "sum" else ~target
    for found in term_fidelities(formula, counts(bits, target)):
        under = found.term.truth(4)[codes_of(bits)]
        assert found.images == under.sum()
        assert found.precision == pytest.approx(right[under].mean() if under.any() else np.nan, nan_ok=True)
        assert found.recall == pytest.approx(under[right].mean())


def test_standard_errors_are_how_far_scores_of_other_images_scatter() -> None:
    truth = parse("AB + C", letters(4)).truth()
    found = [fidelity(truth, counts(*noisy("AB + D", 4, seed, count=150, wrong=0.1))) for seed in range(400)]
    for score in SCORES:
        told = np.mean([one.error(score) for one in found])
        assert told == pytest.approx(np.std([one.score(score) for one in found]), rel=0.1)


def test_without_images_nothing_is_claimed() -> None:
    nothing = Counts(np.zeros(4, int), np.zeros(4, int))
    found = fidelity(np.ones(4, bool), nothing)
    assert np.isnan([found.accuracy, found.balanced_accuracy, found.precision, found.recall]).all()
    assert np.isnan([found.error(score) for score in SCORES]).all()
    assert decision_tree(nothing, 3).truth.tolist() == [False] * 4


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, 12), st.sampled_from([0.5, 0.2]))
def test_a_tree_is_no_larger_than_asked_and_no_worse_than_a_constant(seed: int, tests: int, share: float) -> None:
    seen = counts(*noisy("AB' + CD", 4, seed))
    tree = decision_tree(seen, tests, share)
    assert tree.tests <= tests
    constant = np.full(16, seen.base_rate > share)
    cost = [
        (share * seen.negatives[truth].sum() + (1 - share) * seen.positives[~truth].sum())
        for truth in (tree.truth, constant)
    ]
    assert cost[0] <= cost[1] + 1e-9


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_tree_with_room_for_every_cell_is_the_table(seed: int) -> None:
    seen = counts(*noisy("AB' + CD", 4, seed))
    assert seen.table(ties="zero").agrees(decision_tree(seen, 15).truth)


def test_a_tree_needs_more_tests_than_a_formula_has_literals() -> None:
    seen, held_out = (counts(*noisy("AB + CD + EF", 6, seed, count=4000, wrong=0.0)) for seed in (0, 1))
    formula = minimize(seen.table()).formulas[0]
    assert formula == parse("AB + CD + EF", letters(6))
    tree = tree_of_size(formula, seen)
    assert tree.tests == 6
    assert fidelity(formula.truth(), held_out).accuracy == 1
    assert 0.6 < fidelity(tree.truth, held_out).accuracy < 0.95
    with pytest.raises(ValueError, match="A tree of -1 tests was asked for"):
        decision_tree(seen, -1)


def test_a_tree_of_one_class_is_constant() -> None:
    one = Counts(np.zeros(4, int), np.array([3, 1, 0, 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decision_tree(one, 3).truth.all()


@pytest.mark.parametrize("form", ["sum", "product"])
def test_a_silenced_input_loses_what_its_terms_held(form: Form) -> None:
    seen, held_out = (counts(*noisy("AB + C", 4, seed, count=4000, wrong=0.0)) for seed in (0, 1))
    formula = minimize(seen.table(), form).formulas[0]
    found = ablations(formula, seen, held_out)
    losses = np.array([1 - one.silenced.accuracy for one in found])
    # Without A or B, AB is lost: 1/4 of images, of which half have C; without C: 1/2, of which 1/4 have AB.
    np.testing.assert_allclose(losses, [1 / 8, 1 / 8, 3 / 8, 0], atol=0.02)
    assert [one.place in one.without.inputs for one in found] == [False] * 4
    assert found[3].without.formula.truth().tolist() == formula.truth().tolist()
    assert found[2].without.fidelity.accuracy == pytest.approx(5 / 8, abs=0.03)
    assert carriers(losses) == pytest.approx((5 / 8) ** 2 / (11 / 64), rel=0.1)


def test_carriers_are_one_to_all() -> None:
    assert carriers(np.array([0.0, 0.3, 0.0])) == pytest.approx(1)
    assert carriers(np.array([0.2, 0.2, 0.2])) == pytest.approx(3)
    assert carriers(np.array([0.2, -0.1])) == pytest.approx(1)
    assert np.isnan(carriers(np.zeros(3)))


def test_ablation_needs_the_formulas_own_counts() -> None:
    seen = counts(*noisy("AB", 2, 0))
    with pytest.raises(ValueError, match="The formula has 3 inputs, the counts 2; give the same, at least 2"):
        ablations(parse("AB", letters(3)), seen, seen)
