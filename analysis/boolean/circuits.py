"""How many circuits explain a target nearly as well? Minimum formulas of many sets of inputs, judged side by side.

What is chosen is chosen on the images that the formulas are made from; held-out images only judge it. The best of
thousands of held-out scores would be the luckiest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations

import numpy as np

from analysis.boolean.fidelity import Fidelity, Score, fidelity
from analysis.boolean.formula import Form, Formula
from analysis.boolean.minimize import EXACT_INPUTS, irredundant_formulas, minimize
from analysis.boolean.terms import Term, bit_of
from analysis.boolean.truth_table import Counts

FORMULAS = 100
"""Minimum formulas of one set of inputs that are judged; they differ only where nothing was seen."""


@dataclass(frozen=True)
class Circuit:
    """A formula over the units of a pool."""

    formula: Formula
    seen: Fidelity
    """To the images that it was made from: what circuits are chosen by."""
    fidelity: Fidelity
    """To held-out images: what they are judged by."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """The units of the pool that it reads, ascending."""
        return self.formula.used


@dataclass(frozen=True)
class Rivals:
    """Circuits of many sets of inputs."""

    circuits: tuple[Circuit, ...]
    """Each once, in the order found."""
    more: bool
    """Whether a set has more minimum formulas than were judged, so that there are at least so many circuits."""
    functions: int
    """How many of them differ on an image that they were made from."""


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
) -> Rivals:
    """The minimum formulas of every set of inputs.

    `seen` are counts over a pool of units; `subsets` are places in it, as `subsets_of` gives them. A formula that makes
    no use of an input of its set is the circuit of a smaller set and counts once. At most `limit` minimum formulas of a
    set are judged; beyond 6 inputs the one that the heuristic finds.
    """
    found: dict[frozenset[Term], Circuit] = {}
    functions, more = set(), False
    codes = np.flatnonzero(seen.seen)
    for places in subsets:
        few, held = seen.only(places), held_out.only(places)
        own = _codes_of(codes, places, seen.inputs)
        minimum = minimize(few.table(share), form, limit=limit)
        more |= minimum.at_least or minimum.count > len(minimum.formulas)
        for formula in minimum.formulas:
            whole, truth = formula.moved(places, seen.inputs), formula.truth()
            if frozenset(whole.terms) not in found:
                found[frozenset(whole.terms)] = Circuit(whole, fidelity(truth, few), fidelity(truth, held))
                functions.add(blake2b(np.packbits(truth[own]).tobytes(), digest_size=16).digest())
    return Rivals(tuple(found.values()), more, len(functions))


def subsets_of(pool: int, size: int) -> Iterable[tuple[int, ...]]:
    """Every set of so many places of a pool."""
    return combinations(range(pool), size)


def by_fit(found: Iterable[Circuit], score: Score = "accuracy") -> tuple[Circuit, ...]:
    """Circuits by their score on the images that they were made from, best first; of equal ones the cheapest."""
    return tuple(sorted(found, key=lambda one: (-one.seen.score(score), one.formula.cost, one.formula.text())))


def near_best(found: Iterable[Circuit], within: float = 0.01, score: Score = "accuracy") -> tuple[Circuit, ...]:
    """The circuits whose held-out score is at most `within` below that of the one chosen by fit, in order of fit.

    So they are counted from a score that no held-out image chose; some may be above it. Pass those of two networks
    together to see which has them.
    """
    ranked = by_fit(found, score)
    lowest = ranked[0].fidelity.score(score) - within if ranked else 0.0
    return tuple(one for one in ranked if one.fidelity.score(score) >= lowest - 1e-12)  # 0.90 - 0.01 is below 0.89


def best_without(found: Iterable[Circuit], unit: int, score: Score = "accuracy") -> Circuit | None:
    """Of the circuits that make no use of a unit of the pool the best by fit; None where all need it."""
    return next(iter(by_fit((one for one in found if unit not in one.inputs), score)), None)


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


def _codes_of(codes: np.ndarray, places: Sequence[int], inputs: int) -> np.ndarray:
    """What codes of the pool are as codes of some of its units."""
    own = np.zeros(len(codes), np.int64)
    for place in places:
        own = 2 * own + (codes & bit_of(place, inputs) > 0)
    return own
