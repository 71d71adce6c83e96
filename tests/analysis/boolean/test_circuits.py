"""Circuits of a pool: each counted once, chosen on the images of the fit and judged, without luck, on others."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.circuits import Circuit, best_without, by_fit, circuits, multiplicities, near_best, subsets_of
from analysis.boolean.fidelity import fidelity
from analysis.boolean.minimize import irredundant_formulas, minimize
from analysis.boolean.truth_table import Counts, codes_of, counts
from tests.analysis.boolean.targets import BETTER, noisy, planted

seeds = st.integers(0, 2**32 - 1)


def test_circuits_of_a_pool_count_once_and_copies_are_as_good() -> None:
    bits, target = noisy("AB", 2, 0, count=3000, wrong=0.02)
    generator = np.random.default_rng(5)
    pool = np.column_stack([bits, bits[:, 0], generator.random(3000) < 0.5])  # the third is a copy of the first
    seen, held_out = counts(pool[:2000], target[:2000]), counts(pool[2000:], target[2000:])
    rivals = circuits(seen, held_out, subsets_of(4, 2))
    found = rivals.circuits
    assert len({one.formula for one in found}) == len(found)
    assert rivals.functions < len(found), "of a copy it is the same function"
    best = near_best(found)
    assert {one.formula.text() for one in best} == {"AB", "BC"}
    assert {one.inputs for one in best} == {(0, 1), (1, 2)}
    assert best[0].fidelity.accuracy > 0.95
    assert best_without(found, 0) == best[1]
    worse = best_without(found, 1)
    assert worse is not None
    assert worse.fidelity.accuracy < 0.9
    assert best_without([one for one in found if 1 in one.inputs], 1) is None
    assert near_best([]) == ()


def test_what_is_chosen_owes_nothing_to_the_held_out_images() -> None:
    fresh = counts(*planted(10_000, 200_000))

    def luck(one: Circuit) -> float:
        return one.fidelity.accuracy - fidelity(one.formula.truth(), fresh).accuracy

    lucks = []
    for seed in range(16):
        bits, target = planted(seed, 1100)
        seen, held_out = counts(bits[:1000], target[:1000]), counts(bits[1000:], target[1000:])
        found = circuits(seen, held_out, subsets_of(10, 3)).circuits
        chosen, without = by_fit(found)[0], best_without(found, 0)
        assert without is not None
        assert set(chosen.inputs) <= set(range(BETTER))
        lucks.append([luck(chosen), luck(without), luck(max(found, key=lambda one: one.fidelity.accuracy))])
    of_chosen, of_without, of_highest = np.mean(lucks, axis=0)
    assert abs(of_chosen) < 0.02
    assert abs(of_without) < 0.02
    assert of_highest > 0.03, "the best of 120 held-out scores is one of luck"


@settings(max_examples=6, deadline=None)
@given(seeds)
def test_near_best_keeps_those_within_the_margin_of_the_one_chosen_by_fit(seed: int) -> None:
    bits, target = noisy("AB' + C", 5, seed, wrong=0.2)
    seen, held_out = counts(bits[:200], target[:200]), counts(bits[200:], target[200:])
    found = circuits(seen, held_out, subsets_of(5, 2)).circuits
    chosen = by_fit(found)[0]
    assert chosen.seen.accuracy == max(one.seen.accuracy for one in found)
    assert chosen.seen == fidelity(chosen.formula.truth(), seen)
    near = near_best(found, 0.02)
    assert near[0] == chosen
    assert set(near) == {one for one in found if one.fidelity.accuracy >= chosen.fidelity.accuracy - 0.02 - 1e-9}
    assert near_best(found, 1.0) == by_fit(found)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_functions_are_told_apart_by_the_images_of_the_fit(seed: int) -> None:
    bits, target = noisy("AB' + C", 6, seed, count=12, wrong=0.2)
    found = circuits(counts(bits, target), counts(bits, target), subsets_of(6, 3))
    assert found.functions == len({one.formula.truth()[codes_of(bits)].tobytes() for one in found.circuits})


def test_circuits_that_were_not_judged_are_told() -> None:
    seen = Counts(np.array([3, 0, 0, 0]), np.array([0, 0, 0, 3]))  # A, B: one function of what was seen
    for limit, count in ((1, 1), (2, 2), (100, 2)):
        found = circuits(seen, seen, [(0, 1)], limit=limit)
        assert (len(found.circuits), found.more, found.functions) == (count, limit == 1, 1)


def test_a_heuristic_judges_one_of_perhaps_many() -> None:
    seen = counts(*noisy("AB", 7, 0, count=60))
    assert circuits(seen, seen, [range(7)]).more


def test_formulas_are_counted_for_growing_inputs() -> None:
    seen = counts(*noisy("AB' + CD", 5, 3, count=60, wrong=0.2))
    found = multiplicities(seen)
    assert [one.inputs for one in found] == [1, 2, 3, 4, 5]
    for one in found:
        table = seen.only(range(one.inputs)).table()
        assert one.minimum == minimize(table).count
        assert (one.irredundant, one.irredundant_exact) == irredundant_formulas(table)
        assert one.cost == minimize(table).formulas[0].cost
    assert len(multiplicities(counts(*noisy("AB", 8, 3)))) == 6
