"""How many circuits explain a target nearly as well? Minimum formulas of many sets of inputs, judged side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from analysis.boolean.fidelity import Fidelity, fidelity
from analysis.boolean.formula import Form, Formula
from analysis.boolean.minimize import EXACT_INPUTS, irredundant_formulas, minimize
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import Counts

Score = Literal["accuracy", "balanced_accuracy"]

FORMULAS = 100
"""Minimum formulas of one set of inputs that are judged; they differ only where nothing was seen."""


@dataclass(frozen=True)
class Circuit:
    """A formula over the units of a pool, and its fidelity on held-out images."""

    formula: Formula
    fidelity: Fidelity

    @property
    def inputs(self) -> tuple[int, ...]:
        """The units of the pool that it reads, ascending."""
        return self.formula.used


@dataclass(frozen=True)
class Multiplicity:
    """How many formulas a table of so many inputs has."""

    inputs: int
    minimum: int
    """Distinct formulas of least cost."""
    minimum_exact: bool
    """Else there are at least so many."""
    irredundant: int
    """Formulas of prime implicants that could lose no term: local minima, exponentially many at worst."""
    irredundant_exact: bool
    cost: tuple[int, int]
    """Terms and literals of the minimum."""


def circuits(
    seen: Counts,
    held_out: Counts,
    subsets: Iterable[Sequence[int]],
    *,
    share: float = 0.5,
    form: Form = "sum",
    limit: int = FORMULAS,
) -> tuple[Circuit, ...]:
    """The minimum formulas of every set of inputs, each circuit once, in the order found.

    `seen` are counts over a pool of units; `subsets` are places in it, as `subsets_of` gives them. A formula that makes
    no use of an input of its set is the circuit of a smaller set and counts once. At most `limit` minimum formulas of a
    set are judged; beyond 6 inputs the one that the heuristic finds.
    """
    found: dict[tuple[Form, frozenset[Term]], Circuit] = {}
    for places in subsets:
        table = seen.only(places).table(share)
        for formula in minimize(table, form, limit=limit).formulas:
            whole = formula.moved(places, seen.inputs)
            key = form, frozenset(whole.terms)
            if key not in found:
                found[key] = Circuit(whole, fidelity(whole.truth(), held_out))
    return tuple(found.values())


def subsets_of(pool: int, size: int) -> Iterable[tuple[int, ...]]:
    """Every set of so many places of a pool."""
    return combinations(range(pool), size)


def near_best(found: Sequence[Circuit], within: float = 0.01, score: Score = "accuracy") -> tuple[Circuit, ...]:
    """The circuits whose score is at most `within` below the best one's, best first; of equal ones the cheapest.

    Pass those of two networks together to see which has them.
    """
    ranked = sorted(found, key=lambda one: (-getattr(one.fidelity, score), one.formula.cost, one.formula.text()))
    lowest = getattr(ranked[0].fidelity, score) - within if ranked else 0.0
    return tuple(one for one in ranked if getattr(one.fidelity, score) >= lowest - 1e-12)  # 0.90 - 0.01 is below 0.89


def best_without(found: Sequence[Circuit], unit: int, score: Score = "accuracy") -> Circuit | None:
    """The best circuit that makes no use of a unit of the pool; None where all need it."""
    return next(iter(near_best([one for one in found if unit not in one.inputs], 0.0, score)), None)


def multiplicities(seen: Counts, share: float = 0.5, form: Form = "sum") -> tuple[Multiplicity, ...]:
    """How the number of formulas grows with the number of inputs: the first one, the first two and on, to six."""
    found = []
    for inputs in range(1, min(seen.inputs, EXACT_INPUTS) + 1):
        table = seen.only(range(inputs)).table(share)
        minimum = minimize(table, form)
        irredundant, exact = irredundant_formulas(table, form)
        cost = minimum.formulas[0].cost
        found.append(Multiplicity(inputs, minimum.count, not minimum.at_least, irredundant, exact, cost))
    return tuple(found)
