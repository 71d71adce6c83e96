"""All numbers of a `karnaugh` step: one dataset a target and network, then units and evidence of each network."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import xarray as xr

from analysis.boolean.ablation import ablations, carriers
from analysis.boolean.circuits import Circuit, Rivals, best_without, by_fit, circuits, multiplicities, near_best
from analysis.boolean.decision_tree import DecisionTree, tree_of_size
from analysis.boolean.fidelity import Fidelity, Score, fidelity, term_fidelities
from analysis.boolean.formula import Form, Formula
from analysis.boolean.minimize import EXACT_INPUTS, Minimum, minimize
from analysis.boolean.truth_table import Counts
from jobs.steps.karnaugh.evidence import evidence_dataset
from jobs.steps.karnaugh.modes import units_dataset
from jobs.steps.karnaugh.pool import Pool, pool
from jobs.steps.karnaugh.unit_values import values_of
from jobs.steps.step import Arrays, Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.karnaugh.step import Karnaugh
    from jobs.views import Views

MEASURES = ("accuracy", "balanced_accuracy", "precision", "recall")
FORMS = ("sum", "product", "tree")
REMEDIES = ("silenced", "remade", "elsewhere")
"""One input taken away: always off; the formula of the others; of the circuits of the pool that do without it the one
that is best on the images of the fit."""
COORDS = {
    "form": list(FORMS), "form_of_terms": list(FORMS[:2]), "measure": list(MEASURES), "remedy": list(REMEDIES),
    "cost": ["terms", "literals"],
}  # fmt: skip

ORDERS = 20
"""Orders of the pool in which the number of formulas is followed as inputs are added."""


def results(step: "Karnaugh", plan: "Plan", arrays: Arrays, views: "Views") -> Results:
    """Datasets by `target--net`, `net.units` and `net.evidence`."""
    found: Results = {}
    for net, kept in zip(step.nets, step.kept, strict=True):
        values = values_of(arrays, net, kept)
        groups = views.manifest.groups[values.rows]
        pools = {
            name: pool(step.options, step.members, name, values, step.inputs_of(net, name, plan), groups)
            for name in step.options.targets
        }
        for name, one in pools.items():
            found[f"{name}--{net}"] = dataset(step, one, name, net)
        found[f"{net}.units"] = units_dataset(step, plan, net, values, pools)
        if step.options.evidence:
            found[f"{net}.evidence"] = evidence_dataset(step, net, pools)
    return found


def dataset(step: "Karnaugh", candidates: Pool, name: str, net: str) -> xr.Dataset:
    """The circuit of the first k units of the pool, its rivals, and what each input is worth.

    Dimensions unit (of the pool), code (of the k inputs), form, measure (shares on held-out images), term and clause
    (of sum and product), inputs (1 to 6: the first of an order), order (of the pool, its own first), rank (all
    circuits, best on the images of the fit first: its score there and on held-out images), circuit (those whose
    held-out score is at most `near` below the first one's), input and remedy. Formulas are texts of letters: A is the
    first unit of the pool.
    """
    options, seen, held = step.options, candidates.seen, candidates.held_out
    k = options.size
    few, few_held = seen.only(range(k)), held.only(range(k))
    share = few.base_rate if options.score == "balanced_accuracy" else 0.5
    table = few.table(share)
    minima: dict[Form, Minimum] = {form: minimize(table, form) for form in get_args(Form)}
    formulas = {form: found.formulas[0] for form, found in minima.items()}
    sets = _subsets(step, seen.inputs)
    rivals = circuits(seen, held, sets, share=share)
    variables = {
        **_pool_variables(candidates, few, few_held),
        **_judged(formulas, tree_of_size(formulas["sum"], few, share), few_held, options.score),
        **_formulas(minima, few_held),
        **_by_inputs(step, seen, held, share),
        **_rivals(rivals, options.near, options.score),
        **_ablated(formulas["sum"], few, few_held, rivals.circuits, share, options.score),
    }
    return xr.Dataset(
        variables,
        coords=COORDS,
        attrs={
            "net": net, "target": name, "share": share, "proven": int(minima["sum"].proven),
            "judged_subsets": len(sets), "possible_subsets": comb(seen.inputs, k),
            "functions": rivals.functions, "more_circuits": int(rivals.more),
            **{form: formula.text() for form, formula in formulas.items()},
        },
    )  # fmt: skip


def _pool_variables(candidates: Pool, few: Counts, few_held: Counts) -> dict[str, Any]:
    sides = {"fit": few, "held_out": few_held}
    counted = {
        f"{side}_{sign}": ("code", getattr(counts, sign))
        for side, counts in sides.items()
        for sign in ("negatives", "positives")
    }
    return {
        "layer": ("unit", np.array(candidates.layers)),
        "channel": ("unit", candidates.channels),
        "threshold": ("unit", candidates.thresholds),
        "information": ("unit", candidates.information),
        **counted,
    }


def _subsets(step: "Karnaugh", units: int) -> list[tuple[int, ...]]:
    """Every set of k places of the pool, or so many of them at random, the first k always among them."""
    k, most = step.options.size, step.options.subsets
    if comb(units, k) <= most:
        return list(combinations(range(units), k))
    generator = np.random.default_rng(step.seed)
    drawn = {tuple(range(k))}
    while len(drawn) < most:
        drawn.add(tuple(sorted(int(unit) for unit in generator.choice(units, k, replace=False))))
    return sorted(drawn)


def _measured(judged: list[Fidelity]) -> np.ndarray:
    return np.array([[getattr(one, measure) for measure in MEASURES] for one in judged])


def _judged(formulas: dict[Form, Formula], tree: DecisionTree, held: Counts, score: Score) -> dict[str, Any]:
    """Both formulas and the tree on held-out images; `fidelity_error` is the standard error of the score."""
    judged = [fidelity(truth, held) for truth in (*(one.truth() for one in formulas.values()), tree.truth)]
    return {
        "fidelity": (("form", "measure"), _measured(judged)),
        "fidelity_error": ("form", np.array([one.error(score) for one in judged])),
        "size": (("form", "cost"), np.array([*(one.cost for one in formulas.values()), (tree.depth, tree.tests)])),
    }


def _formulas(minima: dict[Form, Minimum], held: Counts) -> dict[str, Any]:
    """How many minimum formulas there are, and every term and clause of the first."""
    return {
        "minimum": ("form_of_terms", np.array([one.count for one in minima.values()])),
        "at_least": ("form_of_terms", np.array([one.at_least for one in minima.values()])),
        **_terms(minima["sum"].formulas[0], held, "term"),
        **_terms(minima["product"].formulas[0], held, "clause"),
    }


def _terms(formula: Formula, held: Counts, dim: str) -> dict[str, Any]:
    found = [asdict(one) for one in term_fidelities(formula, held)]
    columns = {part: np.array([one[part] for one in found], float) for part in ("images", "precision", "recall")}
    texts = {"text": np.array(formula.term_texts(), dtype=str)}
    return {f"{dim}_{part}": (dim, column) for part, column in (texts | columns).items()}


def _by_inputs(step: "Karnaugh", seen: Counts, held: Counts, share: float) -> dict[str, Any]:
    """Numbers of formulas of the first one to six units, in the pool's order and in others drawn at random."""
    generator = np.random.default_rng(step.seed)
    orders = [np.arange(seen.inputs), *(generator.permutation(seen.inputs) for _ in range(ORDERS - 1))]
    inputs = min(seen.inputs, EXACT_INPUTS)
    found = [multiplicities(seen.only(order[:inputs].tolist()), share) for order in orders]
    firsts = [circuits(seen, held, [range(one.inputs)], share=share, limit=1).circuits[0] for one in found[0]]
    parts = ("minimum", "minimum_exact", "irredundant", "irredundant_exact")
    # As floats: parts of a chart multiply, so that numbers may be beyond 64 bits.
    columns = {part: np.array([[getattr(one, part) for one in row] for row in found], np.float64) for part in parts}
    return {
        "inputs": ("inputs", [one.inputs for one in found[0]]),
        **{f"{part}_by_inputs": (("order", "inputs"), column) for part, column in columns.items()},
        "cost_by_inputs": (("inputs", "cost"), np.array([one.cost for one in found[0]])),
        "fidelity_by_inputs": (("inputs", "measure"), _measured([one.fidelity for one in firsts])),
    }


def _rivals(rivals: Rivals, near: float, score: Score) -> dict[str, Any]:
    best = near_best(rivals.circuits, near, score)
    ranked = by_fit(rivals.circuits, score)
    return {
        "circuit": ("circuit", np.array([one.formula.text() for one in best])),
        "circuit_fidelity": (("circuit", "measure"), _measured([one.fidelity for one in best])),
        "circuit_size": (("circuit", "cost"), np.array([one.formula.cost for one in best])),
        "seen_score": ("rank", np.array([one.seen.score(score) for one in ranked])),
        "score": ("rank", np.array([one.fidelity.score(score) for one in ranked])),
        "score_error": ("rank", np.array([one.fidelity.error(score) for one in ranked])),
    }


def chosen_score(found: Iterable[xr.Dataset]) -> float:
    """Held-out score of the circuit that is best on the images of the fit, of all networks."""
    best = max(found, key=lambda one: float(one["seen_score"][0]))
    return float(best["score"][0])


def _ablated(
    formula: Formula, few: Counts, held: Counts, rivals: tuple[Circuit, ...], share: float, score: Score
) -> dict[str, Any]:
    """Scores and formulas with one input of the circuit taken away, three ways."""
    whole = fidelity(formula.truth(), held).score(score)
    scores, texts = [], []
    for one in ablations(formula, few, held, share=share):
        elsewhere = best_without(rivals, one.place, score)
        row = [one.silenced, one.without.fidelity, elsewhere.fidelity if elsewhere else None]
        scores.append([left.score(score) if left else np.nan for left in row])
        texts.append(["", one.without.formula.text(), elsewhere.formula.text() if elsewhere else ""])
    lost = whole - np.array(scores)
    return {
        "ablated": (("input", "remedy"), np.array(scores)),
        "ablated_formula": (("input", "remedy"), np.array(texts)),
        "carriers": ("remedy", np.array([carriers(np.nan_to_num(column)) for column in lost.T])),
    }
