"""From networks to the weights that are drawn: in what order, on what scale, beside which matches, and their Gabors."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from analysis.similarity.matching import ALONE
from analysis.units.gabor import SMALLEST, Gabors, chance_r2, gabor_fits
from jobs.errors import UserError
from jobs.steps.filters.layers import FilterLayer, asked, drawable
from jobs.steps.filters.options import FiltersOptions
from jobs.steps.step import Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.filters.step import Filters
    from jobs.views import Views

FIRST, DEEPER = 96, 32
"""Filters drawn by default: all of AlexNet's first layer, a page of kernels."""

BLUR = 1.0
"""Sigma in pixels of the smooth noise, as smooth as trained filters are: it passes for Gabors more often than white."""


@dataclass(frozen=True)
class Matches:
    """The filters of a layer in the order of their correlation with their partners in another network."""

    other: FilterLayer
    order: Int[np.ndarray, " filters"]
    """Best first; those without a partner last."""
    partner: Int[np.ndarray, " filters"]
    """By filter, ALONE where it has none."""
    rho: Float[np.ndarray, " filters"]
    """By filter, NaN without a partner."""
    mean: Float[np.ndarray, "4"]
    """Over all filters: value, low, high, floor."""


def datasets(step: "Filters", plan: "Plan", views: "Views") -> Results:
    """One dataset a layer, of every network; the first layer of each is among them, asked for or not."""
    results: Results = {}
    for net in step.nets:
        found = drawable(net, plan.nets[net].weighted, plan.nets[net].in_shape)
        wanted = asked(step.options.layers, found)
        for name, layer in found.opened(views.net(net), plan.nets[net].in_shape).items():
            if layer.first or name in wanted:
                matches = _matches(step, plan, views, net, layer) if name in wanted else None
                variables = _drawn(step.options, layer, matches)
                if layer.first:
                    variables |= _gabors(layer, plan, views, net, step.options.fits)
                about = _about(layer, net, name in wanted, step.options.match if matches else None)
                results[f"{net}--{name}"] = xr.Dataset(variables, attrs=about)
    return results


def _about(layer: FilterLayer, net: str, wanted: bool, match: str | None) -> dict[str, Any]:
    filters, inputs = layer.weight.shape[:2]
    about = {"net": net, "layer": layer.name, "first": layer.first, "asked": wanted, "colored": layer.colored}
    return about | {"filters": filters, "inputs": inputs, "groups": layer.groups} | ({"match": match} if match else {})


def _matches(step: "Filters", plan: "Plan", views: "Views", net: str, layer: FilterLayer) -> Matches | None:
    """None where nothing is matched; UserError where both networks have the layer and its activations are not there."""
    match = step.options.match
    if match is None or match == net:
        return None
    drawn = drawable(match, plan.nets[match].weighted, plan.nets[match].in_shape)
    if layer.name not in drawn.layers:
        return None
    other = drawn.opened(views.net(match), plan.nets[match].in_shape)[layer.name]
    found = step.matched.get(f"{net}/{layer.name}")
    if found is None:
        raise UserError(
            f"steps.filters.match: the filters of {layer.name} in {net} and {match} are matched by its activations, "
            "which are not studied: add it to layers."
        )
    partner, rho = found["bipartite"].values, found["rho"].values
    matched = np.where(partner == ALONE, np.nan, rho[np.arange(len(partner)), partner])
    order = np.argsort(-np.nan_to_num(matched, nan=-2.0), kind="stable")
    return Matches(other, order, partner, matched, found["bipartite_mean"].values)


def _drawn(options: FiltersOptions, layer: FilterLayer, matches: Matches | None) -> dict[str, Any]:
    """The weights that are drawn, one picture of each filter, and the largest absolute value of both."""
    limit = options.filters or (FIRST if layer.first else DEEPER)
    shown = (np.arange(len(layer.weight)) if matches is None else matches.order)[:limit]
    weight = layer.weight[shown][:, : None if layer.colored else options.inputs]
    picture = layer.pictures()[shown]
    variables: dict[str, Any] = {
        "number": ("filter", shown),
        "weight": (("filter", "input", "row", "column"), weight), "scale": ((), _largest(weight)),
        "picture": (("filter", "color", "row", "column"), picture), "picture_scale": ((), _largest(picture)),
    }  # fmt: skip
    if matches is not None:
        partner = matches.partner[shown]
        pictures = np.where((partner == ALONE)[:, None, None, None], 0.0, matches.other.pictures()[partner])
        variables |= {
            "partner": ("filter", partner), "rho": ("filter", matches.rho[shown]),
            "partner_picture": (("filter", "partner_color", "partner_row", "partner_column"), pictures),
            "partner_scale": ((), _largest(pictures)), "bipartite_mean": ("estimate", matches.mean),
        }  # fmt: skip
        if layer.colored and layer.weight.shape[1:] == matches.other.weight.shape[1:]:
            variables["cosine_mean"] = ("pairs", _cosines(layer, matches))
    return variables


def _cosines(layer: FilterLayer, matches: Matches) -> Float[np.ndarray, "2"]:
    """Mean cosine of the weights of matched filters, and of all other pairs; filters of zeros have none."""
    a, b = (one.weight.reshape(len(one.weight), -1).astype(np.float64) for one in (layer, matches.other))
    with np.errstate(invalid="ignore"):
        cosine = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T
    matched = matches.partner[:, None] == np.arange(len(b))
    pairs = (cosine[matched & np.isfinite(cosine)], cosine[~matched & np.isfinite(cosine)])
    return np.array([some.mean() if len(some) else np.nan for some in pairs])


def _largest(weight: np.ndarray) -> float:
    """The largest absolute value, 1 where all are zero: what is drawn black or white."""
    return float(np.abs(weight).max(initial=0.0)) or 1.0


def _gabors(layer: FilterLayer, plan: "Plan", views: "Views", net: str, most: int) -> dict[str, Any]:
    """Gabors of the first `most` filters, R^2 of those of untrained weights and of noise; nothing for small kernels."""
    height, width = layer.weight.shape[2:]
    if min(height, width) < SMALLEST:
        return {}
    fits = gabor_fits(layer.weight[:most])
    one = plan.nets[net]
    untrained = drawable(net, one.weighted, one.in_shape).opened(views.inputs.blank(net, one), one.in_shape)
    blank = untrained[layer.name]
    chance = {"noise": 0.0, "smooth_noise": BLUR}
    return (
        {f"gabor_{one.name}": ("fitted", getattr(fits, one.name)) for one in fields(Gabors)}
        | {"untrained_r2": ("fitted", gabor_fits(blank.weight[:most]).r2)}
        | {f"{name}_r2": ("draw", _chance(height, width, most, blur)) for name, blur in chance.items()}
    )


@lru_cache
def _chance(height: int, width: int, filters: int, blur: float) -> Float[np.ndarray, " filters"]:
    """The same for every network with kernels of that size."""
    return chance_r2(height, width, filters, blur)
