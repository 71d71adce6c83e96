"""All numbers of one pair of layers: correlations, matchings with floors and intervals, the Hopcroft-Karp curve."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.comoments import Comoments
from analysis.similarity.correlation import correlation
from analysis.similarity.matched import Matched, matched
from analysis.similarity.matching import agreement, paired_share
from analysis.similarity.spectral import subspaces

if TYPE_CHECKING:
    from jobs.steps.correlate.step import CorrelateOptions

FAR = 20.0
"""A mean this many standard deviations from its pivot has lost float32 digits."""

ESTIMATE = ("value", "low", "high", "floor")


def numbers(
    between: Comoments, permuted: Comoments, within_a: Comoments, within_b: Comoments,
    options: "CorrelateOptions", seed: int,
) -> xr.Dataset:  # fmt: skip
    """The dataset of one pair; dimensions units_a and units_b, `estimate` holding value, low, high and floor."""
    rho, chance = correlation(between), correlation(permuted)
    signed, signed_chance = (np.abs(rho), np.abs(chance)) if options.absolute else (rho, chance)
    thresholds = np.linspace(0, 1, options.thresholds)
    generator = np.random.default_rng([seed, *between.cross.shape])
    semi_ab, bipartite, bottleneck = (
        matched(kind, between, permuted, options.absolute, options.draws, generator)
        for kind in ("semi", "bipartite", "bottleneck")
    )
    semi_ba = matched("semi", between.swap(), permuted.swap(), options.absolute, options.draws, generator)
    same = np.diag(signed) if rho.shape[0] == rho.shape[1] else np.array([np.nan])
    return xr.Dataset(
        {
            "rho": (("units_a", "units_b"), rho),
            "rho_a": (("units_a", "other_a"), _within(within_a)),
            "rho_b": (("units_b", "other_b"), _within(within_b)),
            "rho_permuted": (("units_a", "units_b"), chance),
            **_moments(between),
            **_partners(semi_ab, semi_ba, bipartite, bottleneck, rho.shape),
            **_means(semi_ab, semi_ba, bipartite, bottleneck),
            "paired_share": ("threshold", paired_share(signed, thresholds)),
            "paired_share_floor": ("threshold", paired_share(signed_chance, thresholds)),
            "agreement": ((), agreement(signed, bipartite.pairs)),
            "bottleneck": ((), bottleneck.rho.min() if len(bottleneck.rho) else np.nan),
            "bottleneck_floor": ((), bottleneck.floor.min() if len(bottleneck.floor) else np.nan),
            **_subspaces(between, within_a, within_b, options, seed),
            "same_index": ((), np.nanmean(same) if not np.isnan(same).all() else np.nan),
            "samples": ((), between.rows),
        },
        coords={"threshold": thresholds, "estimate": list(ESTIMATE)},
    )


def _subspaces(
    between: Comoments, within_a: Comoments, within_b: Comoments, options: "CorrelateOptions", seed: int
) -> dict[str, tuple[str, np.ndarray]]:
    """The group of every channel, -1 for constant ones, and mean |correlation| in each group."""
    rho_a, rho, rho_b = _within(within_a), correlation(between), _within(within_b)
    live = int((~np.isnan(np.diag(rho_a))).sum() + (~np.isnan(np.diag(rho_b))).sum())
    if options.subspaces is None or live < 3:
        return {}
    found = subspaces(rho_a, rho, rho_b, min(options.subspaces, live - 1), seed)
    strengths = ("within", "within_x", "within_y", "between")
    renamed = {"within": "subspace_within", "within_x": "subspace_within_a", "within_y": "subspace_within_b"}
    return {
        "subspace_a": ("units_a", found.labels_x),
        "subspace_b": ("units_b", found.labels_y),
        **{
            renamed.get(name, f"subspace_{name}"): ("subspace", np.array([getattr(g, name) for g in found.groups]))
            for name in strengths
        },
    }


def _within(comoments: Comoments) -> np.ndarray:
    """Correlations within one layer; the diagonal is 1 by definition, not 1 to rounding."""
    rho = correlation(comoments)
    live = ~np.isnan(np.diag(rho))
    rho[live, live] = 1.0
    return rho


def _moments(between: Comoments) -> dict[str, tuple[str, np.ndarray]]:
    swapped, found = between.swap(), {}
    for side, comoments in (("a", between), ("b", swapped)):
        mean, deviation = comoments.mean_x(), np.sqrt(comoments.variance_x())
        far = np.abs(mean - comoments.pivot_x) > FAR * deviation
        found[f"mean_{side}"] = (f"units_{side}", mean)
        found[f"std_{side}"] = (f"units_{side}", deviation)
        found[f"constant_{side}"] = (f"units_{side}", deviation == 0)
        found[f"far_{side}"] = (f"units_{side}", far & (deviation > 0))
    return found


def _partners(
    semi_ab: Matched, semi_ba: Matched, bipartite: Matched, bottleneck: Matched, shape: tuple[int, int]
) -> dict[str, tuple[str, np.ndarray]]:
    """The partner of every unit, -1 where it has none, and the floor's matched correlations, best first."""
    return {
        "semi_ab": ("units_a", semi_ab.pairs.partners(shape[0])),
        "semi_ba": ("units_b", semi_ba.pairs.partners(shape[1])),
        "bipartite": ("units_a", bipartite.pairs.partners(shape[0])),
        "bottleneck_partner": ("units_a", bottleneck.pairs.partners(shape[0])),
        "semi_ab_floor": ("ranks_semi_ab", -np.sort(-semi_ab.floor)),
        "semi_ba_floor": ("ranks_semi_ba", -np.sort(-semi_ba.floor)),
        "bipartite_floor": ("ranks_bipartite", -np.sort(-bipartite.floor)),
    }


def _means(
    semi_ab: Matched, semi_ba: Matched, bipartite: Matched, bottleneck: Matched
) -> dict[str, tuple[str, np.ndarray]]:
    kinds = {"semi_ab": semi_ab, "semi_ba": semi_ba, "bipartite": bipartite, "bottleneck": bottleneck}
    return {f"{kind}_mean": ("estimate", np.array(found.mean)) for kind, found in kinds.items()}
