"""How well do single units correspond, one to one or in shares? (Khosla and Williams, 2023, arXiv:2311.09466)

The hard match pairs every unit of the smaller layer once. The soft match ships all units of one layer to all of the
other, each in equal amount, so that layers of other sizes compare too: a transport problem, solved exactly. Between
layers of one size both are the same, since a permutation is an optimal plan. Constant units take part in neither.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from analysis.comoments import Comoments
from analysis.similarity.correlation import correlation, paired_correlation
from analysis.similarity.joint import Joint
from analysis.similarity.matching import bipartite_matching
from analysis.similarity.noise import Scores

CANDIDATES = 8
"""Best partners of each unit that a plan is first sought among: 2-4 rounds of the solver at up to 512 units."""


class Plan(NamedTuple):
    """Which units meet, by ascending x, and what share of the whole each pair makes: above 0, together 1."""

    x: Int[np.ndarray, " pairs"]
    y: Int[np.ndarray, " pairs"]
    share: Float[np.ndarray, " pairs"]


def hard_correlation_match(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> tuple[Scores, Plan]:
    """Mean correlation of the best one-to-one pairs of the smaller layer, a similarity in [-1, 1]; draws keep them.

    Invariant to permutation of units and to positive scaling and translation of each, not to rotation. NaN and an empty
    plan where no unit varies. Also the correlation score of Li et al., 2016, arXiv:1511.07543.
    """
    comoments = joint.xy.units(slice(-1), slice(-1))
    pairs = bipartite_matching(correlation(comoments))
    plan = Plan(pairs.x, pairs.y, np.full(len(pairs.x), 1 / max(len(pairs.x), 1)))
    return _scores(comoments, plan, weights), plan


def soft_correlation_match(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> tuple[Scores, Plan]:
    """Mean correlation under the best transport between uniform layers, a similarity in [-1, 1]; draws keep the plan.

    Invariant as `hard_correlation_match`, and to repeating every unit of a layer equally often. NaN and an empty plan
    where no unit varies. Khosla and Williams, 2023, arXiv:2311.09466.
    """
    comoments = joint.xy.units(slice(-1), slice(-1))
    rho = correlation(comoments)
    live_x, live_y = (np.flatnonzero(~np.isnan(rho).all(axis)) for axis in (1, 0))
    if len(live_x) == len(live_y):
        return hard_correlation_match(joint, weights)
    if not (len(live_x) and len(live_y)):
        plan = Plan(live_x[:0], live_y[:0], np.empty(0))
    else:
        x, y, share = _transport(rho[np.ix_(live_x, live_y)])
        plan = Plan(live_x[x], live_y[y], share)
    return _scores(comoments, plan, weights), plan


def _scores(comoments: Comoments, plan: Plan, weights: Float[np.ndarray, "draws groups"]) -> Scores:
    """Units that are constant in a draw leave it, and the other shares fill the plan."""
    rho = paired_correlation(comoments, plan.x, plan.y, np.vstack([np.ones(weights.shape[1]), weights]))
    shares = np.where(np.isnan(rho), 0.0, plan.share)
    with np.errstate(invalid="ignore"):
        found = np.clip((np.nan_to_num(rho) * shares).sum(1) / shares.sum(1), -1.0, 1.0)
    return Scores(float(found[0]), found[1:])


def _transport(rho: Float[np.ndarray, "units_x units_y"]) -> Plan:
    """The plan of largest correlation, to the solver's 1e-7.

    Solved among candidate pairs. Its prices say of every other pair what it could add: those that could are let in,
    until none can. In whole numbers of the common measure: a vertex of this polytope has no other.
    """
    units_x, units_y = rho.shape
    out, taken = units_y // gcd(units_x, units_y), units_x // gcd(units_x, units_y)
    amounts = np.concatenate([np.full(units_x, out), np.full(units_y, taken)])
    pairs = _candidates(rho, out, taken)
    while True:
        x, y = np.nonzero(pairs)
        found = linprog(-rho[x, y], A_eq=_marginals(x, y, rho.shape), b_eq=amounts, method="highs-ds")
        prices = -found.eqlin.marginals
        better = (rho > prices[:units_x, None] + prices[units_x:]) & ~pairs
        if not better.any():
            break
        pairs |= better
    moved = np.rint(found.x)
    used = moved > 0
    return Plan(x[used], y[used], moved[used] / (units_x * out))


def _candidates(rho: Float[np.ndarray, "units_x units_y"], out: int, taken: int) -> Bool[np.ndarray, "units_x units_y"]:
    """Best partners from both sides, and the plan that fills the units in order, so that some plan is possible."""
    pairs = np.zeros(rho.shape, bool)
    for axis in (0, 1):
        best = np.argsort(-rho, axis=axis, kind="stable").take(range(min(CANDIDATES, rho.shape[axis])), axis)
        np.put_along_axis(pairs, best, True, axis)
    starts = np.union1d(np.arange(rho.shape[0]) * out, np.arange(rho.shape[1]) * taken)
    pairs[starts // out, starts // taken] = True
    return pairs


def _marginals(x: Int[np.ndarray, " pairs"], y: Int[np.ndarray, " pairs"], shape: tuple[int, int]) -> csr_array:
    """Rows that add up what leaves each x, then what reaches each y."""
    pairs, ones = np.arange(len(x)), np.ones(len(x))
    sides = ((x, shape[0]), (y, shape[1]))
    return vstack([csr_array((ones, (units, pairs)), shape=(count, len(x))) for units, count in sides])
