"""Groups of channels that span the same subspace in both networks: the block-ordered matrix and the members.

Li et al., 2016, arXiv:1511.07543, section 5.
"""

import numpy as np
import xarray as xr

from analysis.similarity.matching import ALONE
from jobs.figures.blocks import block_matrix
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table

NAMED = 24
"""Channels of one network that the table names; the others are in the results."""


def block_plate(name: str, found: xr.Dataset) -> Plate:
    """The absolute correlations of all channels of both networks, group by group; constant channels last."""
    a, b = found.attrs["net_a"], found.attrs["net_b"]
    rho_a, rho, rho_b = (np.abs(found[key].values) for key in ("rho_a", "rho", "rho_b"))
    joint = np.block([[rho_a, rho], [rho.T, rho_b]])
    labels = np.concatenate([found["subspace_a"].values, found["subspace_b"].values])
    groups = found.sizes["subspace"]
    order = np.argsort(np.where(labels == ALONE, groups, labels), kind="stable")
    boundaries = np.flatnonzero(np.diff(labels[order])) + 1
    sides = (order >= len(rho_a)).astype(np.int64)
    return Plate(
        plate_name("correlate", "subspaces", name),
        f"Groups of channels at {name} that {a} and {b} share",
        "Channels of both networks stand group by group. A bright block that holds both colors of the strip is a "
        "subspace that both networks learned, be its channels one-to-one or not; a block of one color belongs to one "
        "network alone.",
        block_matrix(
            joint[np.ix_(order, order)], boundaries.tolist(), sides, (a, b), (0.0, 1.0), "|correlation|"
        ),
        {"correlation": joint, "order": order, "labels": labels},
    )  # fmt: skip


def group_table(name: str, found: xr.Dataset) -> Table:
    """Members of every group and how strongly they correlate."""
    a, b = found.attrs["net_a"], found.attrs["net_b"]
    rows: list[tuple[Cell, ...]] = []
    for group in range(found.sizes["subspace"]):
        strengths = [float(found[f"subspace_{key}"].values[group]) for key in ("within_a", "within_b", "between")]
        rows.append((f"{group + 1}", *(_members(found[f"subspace_{side}"].values, group) for side in "ab"), *strengths))
    note = (
        "Groups by spectral clustering of the absolute correlations of all channels of both networks, the most "
        "correlated group first; mean |correlation| of two members within each network and between the two."
    )
    columns = ("group", f"channels of {a}", f"channels of {b}", f"within {a}", f"within {b}", "between")
    return Table(f"Shared subspaces at {name}", columns, tuple(rows), note)


def _members(labels: np.ndarray, group: int) -> str:
    members = np.flatnonzero(labels == group)
    named = ", ".join(str(member) for member in members[:NAMED])
    return f"{len(members)}: {named}{', ...' if len(members) > NAMED else ''}" if len(members) else "none"
