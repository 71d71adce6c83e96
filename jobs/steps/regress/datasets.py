"""All numbers of one regression: losses on held-out images with interval and floor, and how many units they take."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analysis.similarity.joint import Joint
from analysis.similarity.lasso import LassoPath, lasso_path
from analysis.similarity.noise import group_weights, interval
from analysis.similarity.regression import Standardized, fit_and_held_out, group_losses, losses, ridge, standardized
from jobs.steps.compare.datasets import ESTIMATE

if TYPE_CHECKING:
    from jobs.steps.regress.step import Regress


def numbers(joint: Joint, floor: Joint, step: "Regress") -> xr.Dataset:
    """Losses are mean squared errors of targets of variance 1, averaged over the targets: 1 is no correlation.

    `*_held_out` hold value, low, high and floor; `*_fit` the loss on the images of the fit; `l1_used` the units that a
    prediction uses on average, `l1_gap` the largest duality gap of a target.
    """
    options = step.options
    side = _Side(joint, options.draws, step.seed)
    chance = _Side(floor, 0, step.seed)
    paths = [
        lasso_path(one.problem.gram, one.problem.cross, options.penalties, tolerance=options.gap)
        for one in (side, chance)
    ]
    ridges = [[ridge(one.problem, penalty) for penalty in (0.0, *options.ridge)] for one in (side, chance)]
    l1 = [side.scored(b, chance.loss(c)) for b, c in zip(paths[0].weights, paths[1].weights, strict=True)]
    linear = [side.scored(b, chance.loss(c)) for b, c in zip(*ridges, strict=True)]
    fitted = [side.fit_loss(b) for b in ridges[0]]
    return xr.Dataset(
        {
            **_l1(paths[0], l1, [side.fit_loss(b) for b in paths[0].weights], side.problem),
            "ridge_held_out": (("ridge", "estimate"), np.array(linear[1:]).reshape(-1, 4)),
            "ridge_fit": ("ridge", np.array(fitted[1:])),
            "least_squares_held_out": ("estimate", np.array(linear[0])),
            "least_squares_fit": ((), fitted[0]),
            "least_squares_losses": ("units_b", losses(ridges[0][0], side.fit, side.held)),
            "fit_samples": ((), side.fit.xy.rows),
            "held_out_samples": ((), side.held.xy.rows),
            "units": ("side", np.array([side.problem.live_x.sum(), side.problem.live_y.sum()])),
        },
        coords={
            "penalty": list(options.penalties), "ridge": list(options.ridge), "estimate": list(ESTIMATE),
            "side": ["a", "b"],
        },
    )  # fmt: skip


class _Side:
    """One regression problem: fitted on most groups of images, scored on the others."""

    def __init__(self, joint: Joint, draws: int, seed: int):
        self.fit, self.held = fit_and_held_out(joint)
        self.problem: Standardized = standardized(self.fit)
        self.weights = group_weights(self.held.xy.n, draws, np.random.default_rng(seed))

    def loss(self, weights: np.ndarray) -> float:
        """Mean held-out loss over the targets."""
        return _mean(losses(weights, self.fit, self.held))

    def fit_loss(self, weights: np.ndarray) -> float:
        """Mean loss over the targets on the images of the fit."""
        return _mean(losses(weights, self.fit, self.fit))

    def scored(self, weights: np.ndarray, floor: float) -> tuple[float, float, float, float]:
        """Value, low, high, floor."""
        draws = group_losses(weights, self.fit, self.held, self.weights)
        low, high = interval(np.array([_mean(row) for row in draws]))
        return self.loss(weights), low, high, floor


def _l1(path: LassoPath, held_out: list[Any], fitted: list[float], problem: Standardized) -> dict[str, Any]:
    live = problem.live_y
    used = path.used()[:, live].mean(axis=1) if live.any() else np.full(len(path.penalties), np.nan)
    gap = path.gap[:, live].max(axis=1) if live.any() else np.full(len(path.penalties), np.nan)
    return {
        "l1_held_out": (("penalty", "estimate"), np.array(held_out)),
        "l1_fit": ("penalty", np.array(fitted)),
        "l1_used": ("penalty", used),
        "l1_gap": ("penalty", gap),
        "l1_weights": (("penalty", "units_a", "units_b"), path.weights.astype(np.float32)),
    }


def _mean(values: np.ndarray) -> float:
    """Over the targets that vary; NaN where none does."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
