"""L1 regression of all targets at once, from correlations alone (Li et al., 2016, arXiv:1511.07543, section 4).

Block coordinate descent: inside a block of predictors only the block's own correlations are read, one product then
updates the residual correlations of all targets. Every sweep is followed by conjugate gradients on the face that each
target's signs span, which leaves a predictor out as its weight comes to zero (Polyak, 1969): products of the one
correlation matrix with all targets again. Where predictors are alike this takes tens of sweeps instead of thousands.
Penalties are walked from the largest down, each from the weights of the last; a target is left alone once its duality
gap is small enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.arrays import Array, device_of, namespace, to_numpy

BLOCK = 32
"""Predictors of a block: wider ones spend more on the block's own rows than the larger product gains."""

FACE_STEPS = 12
"""Conjugate gradient steps after each of the first 8 sweeps; twice as many for each further 8: faces are flat."""

FLAT = 1e-8
"""Curvature relative to a direction's square that counts as none: correlations from float32 sums hold no less."""


@dataclass(frozen=True)
class LassoPath:
    """Weights of all targets at every penalty, and how far from optimal they may be."""

    penalties: Float[np.ndarray, " penalties"]
    weights: Float[np.ndarray, "penalties predictors targets"]
    gap: Float[np.ndarray, "penalties targets"]
    """Duality gap: no objective is smaller by more. It counts half the mean squared error."""
    sweeps: Int[np.ndarray, " penalties"]
    """Sweeps that the slowest target of each penalty took."""

    def used(self) -> Float[np.ndarray, "penalties targets"]:
        """How many predictors each prediction uses."""
        return (self.weights != 0).sum(axis=1).astype(np.float64)


def lasso_path(
    gram: Float[Array, "predictors predictors"],
    cross: Float[Array, "predictors targets"],
    penalties: Sequence[float] | Float[np.ndarray, " penalties"],
    *,
    tolerance: float = 1e-6,
    max_sweeps: int = 1000,
) -> LassoPath:
    """Weights that minimize |y - Xb|^2 / 2n + penalty |b|_1 for every target and penalty, in the order asked.

    `gram` and `cross` are correlations: X'X / n and X'y / n of standardized units, 0 for constant ones. Stops at a
    duality gap of `tolerance`, or after `max_sweeps` of one penalty: then `gap` says what was reached. ValueError for
    penalties that are not positive, and where the diagonal is neither 0 nor 1.
    """
    xp = namespace(gram, cross)
    asked = np.asarray(penalties, np.float64)
    if not (asked > 0).all():
        raise ValueError(f"Penalty {asked.min():g} is not positive: use ridge with penalty 0 for least squares.")
    diagonal = to_numpy(xp.linalg.diagonal(gram))
    if not np.all((diagonal == 0) | (np.abs(diagonal - 1) < 1e-5)):
        worst = diagonal[np.argmax(np.abs(diagonal - 1))]
        raise ValueError(f"A predictor has variance {worst:g}, expected 1, or 0 if constant: standardize them first.")
    weights = xp.zeros(cross.shape, dtype=cross.dtype, device=device_of(cross))
    found = np.zeros((len(asked), *cross.shape))
    gaps, sweeps = np.zeros((len(asked), cross.shape[1])), np.zeros(len(asked), np.int64)
    for at in np.argsort(-asked, kind="stable"):
        weights, gaps[at], sweeps[at] = _solved(gram, cross, weights, float(asked[at]), tolerance, max_sweeps)
        found[at] = to_numpy(weights)
    return LassoPath(asked, found, gaps, sweeps)


def duality_gap(
    weights: Float[Array, "predictors targets"],
    residual: Float[Array, "predictors targets"],
    cross: Float[Array, "predictors targets"],
    penalty: float,
) -> Float[Array, " targets"]:
    """Bound on what |y - Xb|^2 / 2n + penalty |b|_1 of standardized targets is above its minimum.

    `residual` is cross - gram @ weights. The dual point is the residual, shrunk until no predictor's correlation with
    it exceeds the penalty.
    """
    xp = namespace(weights)
    explained = xp.sum(weights * cross, axis=0)
    square = 1 - explained - xp.sum(weights * residual, axis=0)
    most = xp.max(xp.abs(residual), axis=0)
    shrunk = penalty / xp.where(most > penalty, most, penalty + xp.zeros_like(most))
    l1 = xp.sum(xp.abs(weights), axis=0)
    # Below 0 only by rounding, or where the correlations are not quite those of one set of samples.
    return xp.abs(square * (1 + shrunk * shrunk) / 2 + penalty * l1 - shrunk * (1 - explained))


def _solved(
    gram: Array, cross: Array, weights: Array, penalty: float, tolerance: float, max_sweeps: int
) -> tuple[Array, np.ndarray, int]:
    """Weights at one penalty, their gaps, and the sweeps taken. Targets that are done leave the working columns."""
    xp = namespace(gram)
    left, order, solved, gaps = np.arange(cross.shape[1]), [], [], []
    residual = cross - xp.matmul(gram, weights)
    for sweep in range(max_sweeps + 1):
        gap = to_numpy(duality_gap(weights, residual, cross, penalty))
        done = (gap <= tolerance) | (sweep == max_sweeps)
        if done.any():
            order.append(left[done])
            solved.append(_columns(weights, done))
            gaps.append(gap[done])
            left = left[~done]
            weights, residual, cross = (_columns(a, ~done) for a in (weights, residual, cross))
        if not len(left):
            break
        _sweep(gram, weights, residual, penalty)
        steps = min(FACE_STEPS * 2 ** (sweep // 8), gram.shape[0])
        weights, residual = _face_descent(gram, weights, residual, penalty, steps)
    back = np.argsort(np.concatenate(order))
    return _columns(xp.concat(solved, axis=1), back), np.concatenate(gaps)[back], sweep


def _columns(a: Array, which: np.ndarray) -> Array:
    index = np.flatnonzero(which) if which.dtype == bool else which
    xp = namespace(a)
    return xp.take(a, xp.asarray(index, device=device_of(a)), axis=1)


def _sweep(gram: Array, weights: Array, residual: Array, penalty: float) -> None:
    """One pass of coordinate descent over all predictors, in place."""
    xp = namespace(gram)
    high = xp.full((1,), penalty, dtype=weights.dtype, device=device_of(weights))
    for start in range(0, gram.shape[0], BLOCK):
        block = slice(start, min(start + BLOCK, gram.shape[0]))
        within = gram[block, block]
        before = weights[block, :]
        aim = before + residual[block, :]
        change = xp.zeros_like(aim)
        for j in range(aim.shape[0]):
            row = aim[j, :] - xp.matmul(within[j, :j], change[:j, :]) if j else aim[j, :]
            row = row - xp.maximum(xp.minimum(row, high), -high)
            change[j, :] = row - before[j, :]
            aim[j, :] = row
        weights[block, :] = aim
        residual -= xp.matmul(gram[:, block], change)


def _face_descent(gram: Array, weights: Array, residual: Array, penalty: float, steps: int) -> tuple[Array, Array]:
    """Conjugate gradients among weights of these signs; one that comes to zero stays there and the others start anew.

    Never raises the objective: a step ends at its minimum along the line, or where the first weight comes to zero.
    """
    xp = namespace(gram)
    tiny = xp.finfo(weights.dtype).smallest_normal
    signs = xp.sign(weights)
    face, pull = xp.abs(signs), penalty * signs
    gradient = (residual - pull) * face
    direction, square = gradient, xp.sum(gradient * gradient, axis=0)
    for _ in range(steps):
        change = xp.matmul(gram, direction)
        curvature = xp.sum(direction * change, axis=0)
        growth = direction / xp.where(weights == 0, 1.0, weights)
        # All as rates, one over the length of a step: a target at its minimum has direction 0 and rate 1.
        rate = (xp.where(curvature > FLAT * square, curvature, FLAT * square) + tiny) / (square + tiny)
        first = -xp.min(growth, axis=0)
        stopped = first >= rate
        rate = xp.where(stopped, first, rate)
        face = xp.where(growth > -rate, face, 0.0)
        weights = (weights + direction / rate) * face
        residual = residual - change / rate
        gradient = (residual - pull) * face
        before, square = square, xp.sum(gradient * gradient, axis=0)
        direction = gradient + direction * xp.where(stopped, 0.0, square / (before + tiny))
    return weights, residual
