"""Maps of one set of points by every method, and how good each is: neighbors kept, of mapped and of placed points.

Beside each the floor: what points that lie anywhere would have.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analysis.arrays import Array
from analysis.embedding.infomax import information
from analysis.embedding.methods import METHODS, Settings
from analysis.embedding.quality import (
    class_purity,
    mutual_share,
    mutual_share_floor,
    neighbor_preservation,
    placed_preservation,
    purity_floor,
    trustworthiness,
    trustworthiness_floor,
)
from analysis.embedding.tsne_exact import MOST
from analysis.similarity.matching import bipartite_matching
from jobs.steps.embed.points import Points

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.embed.options import EmbedOptions

NEAR, WIDE = 10, 50
"""Neighbors at which maps are judged."""

QUALITY = (
    f"kept_{NEAR}", f"kept_{WIDE}", "trustworthiness", f"placed_kept_{NEAR}", f"placed_kept_{WIDE}", "purity",
    "placed_purity", "matched", "kl", "cross_entropy", "information", "parts", "seconds",
)  # fmt: skip


def embedded(
    points: Points, groups: np.ndarray, options: "EmbedOptions", plan: "Plan", joined: np.ndarray | None = None
) -> xr.Dataset:
    """`y` (map, point, axis); `quality` and its `floor` (map, quantity), NaN for what a method or a point set has not.

    `groups`: the class, layer or network of every point, -1 for none; `joined`: pairs of points that match.
    """
    settings = Settings(
        options.perplexity, options.neighbors, plan.seed, plan.threads, _device(plan, int((~points.held_out).sum()))
    )
    places, quality, floors = [], [], []
    for name in options.methods:
        began = time.perf_counter()
        found = METHODS[name](points.components[~points.held_out], settings)
        seconds = time.perf_counter() - began
        y = np.empty((len(points.x), 2))
        y[~points.held_out] = found.y
        if points.held_out.any():
            y[points.held_out] = found.place(points.components[points.held_out])
        measured = {"seconds": seconds, **found.numbers, **_quality(points, y, groups, options.neighbors)}
        by_chance = _floors(points, groups)
        if joined is not None and len(joined):
            measured["matched"] = mutual_share(y, joined, NEAR)
            by_chance["matched"] = mutual_share_floor(y, joined, points.names["layer"][joined[:, 0]], NEAR)
        places.append(y)
        quality.append([measured.get(quantity, np.nan) for quantity in QUALITY])
        floors.append([by_chance.get(quantity, np.nan) for quantity in QUALITY])
    variables: dict[str, Any] = {
        "y": (("map", "point", "axis"), np.stack(places)),
        "quality": (("map", "quantity"), np.array(quality)),
        "floor": (("map", "quantity"), np.where(np.isnan(quality), np.nan, floors)),
        "held_out": ("point", points.held_out),
        "share": ("component", points.share),
        **{name: ("point", values) for name, values in points.names.items()},
    }
    attributes = {"seed": plan.seed, "perplexity": options.perplexity, "neighbors": options.neighbors}
    return xr.Dataset(variables, coords={"map": list(options.methods), "quantity": list(QUALITY)}, attrs=attributes)


def matched_pairs(points: Points, rho: np.ndarray, sides: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Points (pairs, 2) of the one-to-one matches of layers `sides` (numbers of two layers), and their correlations."""
    joined, correlations = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for a, b in sides:
        of_a, of_b = (np.flatnonzero(points.names["layer"] == layer) for layer in (a, b))
        found = bipartite_matching(rho[np.ix_(of_a, of_b)])
        joined.append(np.stack([of_a[found.x], of_b[found.y]], 1))
        correlations.append(rho[of_a[found.x], of_b[found.y]])
    return np.concatenate(joined), np.concatenate(correlations)


def _quality(points: Points, y: np.ndarray, groups: np.ndarray, neighbors: int) -> dict[str, float]:
    """Of the points that the map is made from, and of those placed in it; information is of these alone."""
    here, new = ~points.held_out, points.held_out
    x, on_map = points.x[here], y[here]
    found = {
        "trustworthiness": trustworthiness(x, on_map, NEAR),
        "purity": class_purity(on_map, groups[here], NEAR),
    }
    for k in (k for k in (NEAR, WIDE) if k < len(x)):
        found[f"kept_{k}"] = neighbor_preservation(x, on_map, k)
        if new.any():
            found[f"placed_kept_{k}"] = placed_preservation(points.x[new], y[new], x, on_map, k)
    if new.any():
        found["placed_purity"] = class_purity(on_map, groups[here], NEAR, (y[new], groups[new]))
    found["information"] = information(x, on_map, points.x[new], y[new], neighbors)
    return found


def _floors(points: Points, groups: np.ndarray) -> dict[str, float]:
    """Of points that lie anywhere in the map."""
    here, new = ~points.held_out, points.held_out
    mapped = int(here.sum())
    return {
        "trustworthiness": trustworthiness_floor(mapped, NEAR),
        "purity": purity_floor(groups[here]),
        "placed_purity": purity_floor(groups[here], groups[new]),
        **{f"kept_{k}": k / (mapped - 1) for k in (NEAR, WIDE)},
        **{f"placed_kept_{k}": k / mapped for k in (NEAR, WIDE)},
    }


def _device(plan: "Plan", points: int) -> Callable[[np.ndarray], Array]:
    """CuPy on a GPU, torch where CuPy is missing; NumPy on the host and beyond the points that exact t-SNE takes."""
    if plan.device == "cpu" or points > MOST:
        return np.asarray
    try:
        import cupy
    except ImportError:
        import torch

        return lambda x: torch.from_numpy(x).to(plan.device, torch.float32)
    return lambda x: cupy.asarray(x, cupy.float32)
