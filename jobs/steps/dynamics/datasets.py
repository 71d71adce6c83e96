"""All numbers of learning dynamics: layers through training, when each has converged, and whether depth orders them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.stats import rankdata

from analysis.activations import INPUT
from jobs.steps.compare.datasets import ESTIMATE
from jobs.steps.mean_interval import mean_interval
from jobs.steps.pair_scores import Truncation, pair_score

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.dynamics.step import Dynamics


def through_training(step: "Dynamics", plan: "Plan", net: str, joints: Any) -> xr.Dataset:
    """`similarity` (time, layer_then, layer_end, estimate), kept directions, samples; when layers have converged."""
    layers, checkpoints = plan.layers_of(net), plan.checkpoints_of(net)
    shape = (len(checkpoints), len(layers), len(layers))
    estimates, kept, samples = np.full((*shape, 4), np.nan), np.zeros((*shape, 2), np.int64), np.zeros(shape)
    truncation = Truncation(step.options.variance, step.options.rule)
    generator = np.random.default_rng(step.seed)
    pairs = set(step.sums.pairs)
    for at in np.ndindex(*shape):
        time, then, end = at
        pair = f"{list(checkpoints.values())[time]}/{layers[then]}", f"{net}/{layers[end]}"
        if pair in pairs:
            joint, floor = joints.joint(pair), joints.floor(pair)
            score = pair_score(step.options.measure, joint, floor, truncation, step.options.draws, generator)
            estimates[at], kept[at], samples[at] = score.estimate, score.kept, score.samples
    times = np.array(list(checkpoints))
    own = np.diagonal(estimates[..., 0], axis1=1, axis2=2)
    reached = converged(times, own, step.options.threshold)
    deeper = [number for number, layer in enumerate(layers) if layer != INPUT]
    dims = ("time", "layer_then", "layer_end")
    return xr.Dataset(
        {
            "similarity": ((*dims, "estimate"), estimates),
            "kept": ((*dims, "side"), kept),
            "samples": (dims, samples),
            "converged": ("layer_end", reached),
            "rank_correlation": ((), rank_correlation(np.array(deeper), reached[deeper])),
        },
        coords={"time": times, "layer_then": layers, "layer_end": layers, "estimate": list(ESTIMATE)},
        attrs={"net": net, "arch": plan.nets[net].arch},
    )


def converged(
    times: np.ndarray, own: Float[np.ndarray, "times layers"], threshold: float
) -> Float[np.ndarray, " layers"]:
    """When each layer first reaches `threshold` of its last similarity to its end, linear between checkpoints."""
    wanted = threshold * own[-1]
    reached = np.full(own.shape[1], np.nan)
    for layer in np.flatnonzero(~np.isnan(own).any(0)):
        first = int(np.argmax(own[:, layer] >= wanted[layer]))
        reached[layer] = times[first]
        if first:
            before, after = own[first - 1, layer], own[first, layer]
            share = (wanted[layer] - before) / (after - before)
            reached[layer] = times[first - 1] + share * (times[first] - times[first - 1])
    return reached


def rank_correlation(depth: np.ndarray, reached: np.ndarray) -> float:
    """Spearman's rank correlation of depth with convergence, in [-1, 1]: 1 is bottom-up. NaN where nothing varies."""
    known = ~np.isnan(reached)
    if known.sum() < 2 or np.ptp(reached[known]) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(depth[known]), rankdata(reached[known]))[0, 1])


def over_seeds(plan: "Plan", found: dict[str, xr.Dataset]) -> xr.Dataset:
    """Mean rank correlation of the networks of each architecture, with its 95 % t interval where there are several."""
    grouped = by_architecture(found)
    rows = []
    for nets in grouped.values():
        values = np.array([float(found[net]["rank_correlation"]) for net in nets])
        rows.append((values.mean(), *np.clip(mean_interval(values), -1.0, 1.0)))
    return xr.Dataset(
        {
            "rank_correlation": (("arch", "estimate"), np.array(rows)),
            "seeds": ("arch", np.array([len(nets) for nets in grouped.values()])),
        },
        coords={"arch": list(grouped), "estimate": list(ESTIMATE[:3])},
    )


def by_architecture(found: dict[str, xr.Dataset]) -> dict[str, list[str]]:
    """Networks by architecture, in order."""
    grouped: dict[str, list[str]] = {}
    for net, dataset in found.items():
        if "arch" in dataset.attrs:
            grouped.setdefault(dataset.attrs["arch"], []).append(net)
    return grouped
