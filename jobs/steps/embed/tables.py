"""Tables of an `embed` step: whose neighbors stay neighbors, and what each map loses, tells and takes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.embedding.infomax import FEWEST
from analysis.embedding.methods import TITLES
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.embed.datasets import NEAR, WIDE

if TYPE_CHECKING:
    from jobs.steps.embed.step import Embed

NEIGHBORS = {
    f"kept_{NEAR}": f"kept, {NEAR}", f"kept_{WIDE}": f"kept, {WIDE}", "trustworthiness": "trust",
    f"placed_kept_{NEAR}": f"placed, {NEAR}", f"placed_kept_{WIDE}": f"placed, {WIDE}", "purity": "purity",
    "placed_purity": "placed purity", "matched": "matches",
}  # fmt: skip
COSTS = {"kl": "KL", "cross_entropy": "cross-entropy", "information": "information", "seconds": "seconds"}
WORDS = {"class": "class", "layer": "layer", "net": "network"}


def tables(step: "Embed", results: dict[str, xr.Dataset]) -> tuple[Table, ...]:
    """Both, with a row a map; columns of which no map has anything are left out."""
    points, seed = step.options.points, next(iter(results.values())).attrs["seed"]
    matches = (
        f" Matches: share of units matched across networks that are among each other's {NEAR} nearest; their floor is "
        "that of matches shuffled within their layers."
    )
    kept = (
        f"Kept: share of a point's {NEAR} or {WIDE} nearest by all features that are its nearest in the map; placed: "
        "the same of points the map was not made from, among those it was. Trustworthiness "
        f"at {NEAR} (Venna and Kaski). Purity: share of the {NEAR} nearest in the map of one {WORDS[step.color]}."
        f"{matches if points == 'units' else ''} Floors, in smaller type, are those of points that lie anywhere. Seed "
        f"{seed}."
    )
    costs = (
        "KL divergence and cross-entropy of t-SNE in nats: they differ by the entropy of P. Information: what the "
        "place of a point that the map was not made from tells of the place of a neighbor, at least, nats (contrastive "
        f"bound, at most the log of the number of such points, none below {FEWEST}; the Gaussian estimate is no bound "
        "and not shown). Seconds to fit."
    )
    return (
        _table(f"Maps of {points}: neighbors", NEIGHBORS, results, kept),
        _table(f"Maps of {points}: what they lose, tell and take", COSTS, results, costs),
    )


def _table(title: str, columns: Mapping[str, str], results: dict[str, xr.Dataset], note: str) -> Table:
    shown = [
        name
        for name in columns
        if any(np.isfinite(found["quality"].sel(quantity=name)).any() for found in results.values())
    ]
    rows: list[tuple[Cell, ...]] = []
    for found in results.values():
        where = f"{found.attrs['net']} {found.attrs['layer']}" if "net" in found.attrs else "units"
        for method in found["map"].values.tolist():
            one = found.sel(map=method)
            rows.append((f"{where}, {TITLES[method]}", *(_measured(one.sel(quantity=name)) for name in shown)))
    return Table(title, ("map", *(columns[name] for name in shown)), rows, note)


def _measured(found: xr.Dataset) -> Measured:
    floor = float(found["floor"])
    return Measured(float(found["quality"]), floor=None if np.isnan(floor) else floor)
