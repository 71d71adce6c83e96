"""Truth tables: counts add up in any order, sums over inputs are counts of fewer, cells follow the share asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.truth_table import FREE, Counts, TruthTable, counts, table_of

seeds = st.integers(0, 2**32 - 1)


def images(seed: int, inputs: int = 4, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.random((count, inputs)) < 0.4, generator.random(count) < 0.3


def assert_equal(found: Counts, expected: Counts) -> None:
    np.testing.assert_array_equal(found.positives, expected.positives)
    np.testing.assert_array_equal(found.negatives, expected.negatives)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_counts_are_those_of_every_image(seed: int) -> None:
    bits, target = images(seed)
    found = counts(bits, target)
    for code in range(16):
        same = (bits == [bool(code & 8), bool(code & 4), bool(code & 2), bool(code & 1)]).all(1)
        assert found.positives[code] == (same & target).sum()
        assert found.negatives[code] == (same & ~target).sum()
    assert found.base_rate == target.mean()


@settings(max_examples=25, deadline=None)
@given(seeds, st.lists(st.integers(0, 60), max_size=4))
def test_any_split_of_the_images_adds_up_to_the_same_counts(seed: int, cuts: list[int]) -> None:
    bits, target = images(seed)
    parts = [
        counts(some, of_them)
        for some, of_them in zip(np.split(bits, sorted(cuts)), np.split(target, sorted(cuts)), strict=True)
    ]
    merged = parts[-1]
    for part in parts[:-1]:
        merged = part.merge(merged)
    assert_equal(merged, counts(bits, target))


@settings(max_examples=25, deadline=None)
@given(seeds, st.permutations(range(4)), st.integers(0, 4))
def test_counts_of_fewer_inputs_are_sums_over_the_others(seed: int, order: list[int], size: int) -> None:
    bits, target = images(seed)
    assert_equal(counts(bits, target).only(order[:size]), counts(bits[:, order[:size]], target))


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.1, 0.3, 0.5, 0.75]), st.sampled_from(["free", "one", "zero"]))
def test_a_cell_is_1_above_the_share_and_free_unseen(seed: int, share: float, ties: str) -> None:
    found = counts(*images(seed))
    values = found.table(share, ties).values  # type: ignore[arg-type]
    for value, positives, seen in zip(values, found.positives, found.seen, strict=True):
        at = None if not seen else float(np.sign(round(positives - share * seen, 9)))
        assert value == {None: FREE, 1.0: 1, -1.0: 0, 0.0: {"free": FREE, "one": 1, "zero": 0}[ties]}[at]


def test_ties_are_named() -> None:
    found = Counts(np.array([2, 0, 3, 0]), np.array([2, 0, 1, 5]))
    assert found.ties().tolist() == [0]
    assert found.ties(0.25).tolist() == [2]
    assert found.table().values.tolist() == [FREE, FREE, 0, 1]
    assert found.table(ties="one").values.tolist() == [1, FREE, 0, 1]


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_majority_is_right_most_often_and_the_base_rate_best_balanced(seed: int) -> None:
    found = counts(*images(seed, inputs=2))
    target, others = found.positives.sum(), found.negatives.sum()
    if not (target and others):
        return
    functions = [np.array([bool(code >> cell & 1) for cell in range(4)]) for code in range(16)]
    right = [found.positives[one].sum() + found.negatives[~one].sum() for one in functions]
    balanced = [found.positives[one].sum() / target + found.negatives[~one].sum() / others for one in functions]
    majority, fair = found.table().values == 1, found.table(found.base_rate).values == 1
    assert found.positives[majority].sum() + found.negatives[~majority].sum() == max(right)
    reached = found.positives[fair].sum() / target + found.negatives[~fair].sum() / others
    assert reached == pytest.approx(max(balanced), rel=1e-12)


def test_agreement_leaves_free_cells_out() -> None:
    table = table_of(2, ones=[1], free=[3])
    assert table.agrees(np.array([False, True, False, False]))
    assert table.agrees(np.array([False, True, False, True]))
    assert not table.agrees(np.array([True, True, False, True]))
    assert table.complement().values.tolist() == [1, 0, 1, FREE]


def test_other_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="Counts of 2 and of 3 inputs cannot be merged"):
        Counts(np.zeros(4, int), np.zeros(4, int)).merge(Counts(np.zeros(8, int), np.zeros(8, int)))
    with pytest.raises(ValueError, match=r"Inputs \[1, 1\] were asked for; give each of 0 to 1 at most once"):
        Counts(np.zeros(4, int), np.zeros(4, int)).only([1, 1])
    with pytest.raises(ValueError, match=r"A table of 17 inputs has 2\^17 cells; choose at most 16"):
        counts(np.zeros((3, 17), bool), np.zeros(3, bool))
    with pytest.raises(ValueError, match="There are 6 cells; expected 2 to the number of inputs"):
        TruthTable(np.zeros(6, int))
    with pytest.raises(ValueError, match=r"A truth table holds \[0, 2\]; give 0, 1 and -1 for free"):
        TruthTable(np.array([0, 2]))
