"""How well do one network's units predict another's? (Li et al., 2016, arXiv:1511.07543, section 4)

Least squares and ridge on standardized units, from comoments alone, and the loss of any linear prediction on samples
that it was not fitted on. A loss is a mean squared error over the target's variance: 1 is what its mean would cost. The
paper prints half of it, 0.5 for the mean.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from analysis.comoments import CONSTANT, SUMMED, Comoments
from analysis.similarity.joint import Joint

RANK_CUT = 1e-6
"""Directions below this share of the largest eigenvalue are rounding: correlations come from float32 sums."""

FULL_GROUPS = 16
"""Groups of a study; where fewer hold samples, a quarter of them is held out."""


@dataclass(frozen=True)
class Standardized:
    """Predictors and targets of unit variance about the fit's means."""

    gram: Float[np.ndarray, "predictors predictors"]
    """Correlations of the predictors: 1 on the diagonal, rows and columns of constant units 0."""
    cross: Float[np.ndarray, "predictors targets"]
    """Correlations of predictors with targets, 0 where either is constant."""
    live_x: Bool[np.ndarray, " predictors"]
    """Predictors that are not constant."""
    live_y: Bool[np.ndarray, " targets"]
    """Targets that are not constant."""


def standardized(joint: Joint) -> Standardized:
    """The regression of y on x; no unit is live without samples."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y, xy, _ = joint.covariances()
    scale_x, scale_y = _scale(np.diag(x)), _scale(np.diag(y))
    live_x, live_y = scale_x > 0, scale_y > 0
    gram = np.where(np.outer(live_x, live_x), x, 0.0) * np.outer(scale_x, scale_x)
    np.fill_diagonal(gram, live_x)
    cross = np.where(np.outer(live_x, live_y), xy, 0.0) * np.outer(scale_x, scale_y)
    return Standardized(gram, cross, live_x, live_y)


def ridge(problem: Standardized, penalty: float = 0.0) -> Float[np.ndarray, "predictors targets"]:
    """Weights b of smallest mean squared error + penalty * |b|^2, target by target.

    Penalty 0 is least squares; where predictors depend on each other, its solution of smallest norm. ValueError for a
    negative penalty.
    """
    if penalty < 0:
        raise ValueError(f"Ridge penalty {penalty:g} is negative: use 0 for least squares, or a positive penalty.")
    values, vectors = np.linalg.eigh(problem.gram)
    kept = values + penalty > RANK_CUT * values[-1]
    weights = (vectors[:, kept] / (values[kept] + penalty)) @ (vectors[:, kept].T @ problem.cross)
    return weights * problem.live_x[:, None]


def losses(
    weights: Float[np.ndarray, "predictors targets"], fit: Joint, scored: Joint
) -> Float[np.ndarray, " targets"]:
    """Mean squared error on `scored` of targets standardized by `fit`, over their variance there.

    `weights` are of standardized units. Means, scales and so the intercept come from `fit`: chance can cost more than
    1. NaN for a target that is constant in either.
    """
    return group_losses(weights, fit, scored, np.ones((1, len(scored.xy.n))))[0]


def group_losses(
    weights: Float[np.ndarray, "predictors targets"],
    fit: Joint,
    scored: Joint,
    group_weights: Float[np.ndarray, "draws groups"],
) -> Float[np.ndarray, "draws targets"]:
    """`losses` under every weighting of the scored groups; each group's products are projected on the weights once."""
    x, y, xy = (c.units(slice(-1), slice(-1)) for c in (scored.x, scored.y, scored.xy))
    fit_x, fit_y = fit.x.units(slice(-1), slice(-1)), fit.y.units(slice(-1), slice(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale_x, scale_y = _scale(fit_x.variance_x()), _scale(fit_y.variance_x())
        # The error in the targets' own units, about the pivots of `scored`: y - coefficients' x - intercept.
        coefficients = np.where(scale_y > 0, weights * scale_x[:, None] / scale_y, np.nan)
        intercept = fit_y.mean_x() - y.pivot_x - (fit_x.mean_x() - x.pivot_x) @ coefficients
        mean_x, mean_y = _mean(group_weights, x.n, x.sum_x), _mean(group_weights, y.n, y.sum_x)
        square_y = _mean(group_weights, y.n, y.square_x)
        variance = square_y - mean_y**2
        forms = np.stack([_forms(cross @ coefficients, coefficients) for cross in x.cross])
        explained = _mean(group_weights, x.n, forms) - (mean_x @ coefficients) ** 2
        # x with y about their own means: noise leaves a few images out there.
        forms = np.stack([_forms(cross, coefficients) for cross in xy.cross])
        paired_x, paired_y = (_mean(group_weights, xy.n, sums) for sums in (xy.sum_x, xy.sum_y))
        shared = _mean(group_weights, xy.n, forms) - (paired_x @ coefficients) * paired_y
        error = variance - 2 * shared + explained + (mean_y - mean_x @ coefficients - intercept) ** 2
        return np.where(variance > CONSTANT * square_y, error / variance, np.nan)


def fit_and_held_out(joint: Joint, held_out: int = 4) -> tuple[Joint, Joint]:
    """The joint without its last groups, and these alone, to be scored; both keep all groups, the others' sums 0.

    Of the groups that hold samples the last `held_out`; a quarter, at least one, where fewer than 16 do. ValueError
    for fewer than 2.
    """
    held = np.flatnonzero(joint.xy.n > 0)
    if len(held) < 2:
        raise ValueError(f"{len(held)} groups hold samples, a held-out loss needs 2: keep more groups, or add images.")
    count = held_out if len(held) >= FULL_GROUPS else max(1, len(held) // 4)
    if not 0 < count < len(held):
        raise ValueError(f"Cannot hold out {count} of {len(held)} groups: hold out between 1 and {len(held) - 1}.")
    scored = np.isin(np.arange(len(joint.xy.n)), held[-count:])
    return _only(joint, ~scored), _only(joint, scored)


def _scale(variance: Float[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    """One over the standard deviation, 0 for constant units."""
    return np.where(variance > 0, 1 / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)


def _mean(
    group_weights: Float[np.ndarray, "draws groups"],
    n: Float[np.ndarray, " groups"],
    sums: Float[np.ndarray, "groups units"],
) -> Float[np.ndarray, "draws units"]:
    return (group_weights @ sums) / (group_weights @ n)[:, None]


def _forms(products: np.ndarray, coefficients: np.ndarray) -> Float[np.ndarray, " targets"]:
    return (products * coefficients).sum(axis=0)


def _only(joint: Joint, groups: Bool[np.ndarray, " groups"]) -> Joint:
    return Joint(*(_zeroed(c, groups) for c in (joint.x, joint.y, joint.xy)))


def _zeroed(comoments: Comoments, groups: Bool[np.ndarray, " groups"]) -> Comoments:
    """Sums of the other groups set to 0."""
    kept = {name: getattr(comoments, name) for name in SUMMED}
    return replace(comoments, **{name: a * groups.reshape(-1, *[1] * (a.ndim - 1)) for name, a in kept.items()})
