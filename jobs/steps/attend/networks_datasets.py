"""All numbers of an `attend` step for one network of the study: every head over all images, maps of the first."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.attend.networks import AttendNetworks

MAP = ("row_patch", "column_patch")


def dataset(
    step: "AttendNetworks",
    net: str,
    blocks: tuple[str, ...],
    grid: tuple[int, int],
    arrays: Arrays,
    plan: "Plan",
) -> xr.Dataset:
    """Dimensions block, head, drawn; attention (drawn, block, head, row_patch, column_patch), rows of patches."""
    images = int(arrays[f"{net}|images"])
    drawn = [row for row in range(min(step.options.images, plan.rows)) if f"{net}|heads|{row}" in arrays]

    def of_drawn(name: str) -> np.ndarray:
        return np.array([arrays[f"{net}|{name}|{row}"] for row in drawn])

    heads = plan.nets[net].attention[blocks[0]][0]
    variables: dict[str, Any] = {
        "patches": (("block", "head"), arrays[f"{net}|patches"] / images),
        "share": (("block", "head"), arrays[f"{net}|share"] / images),
        "images": ((), images),
        "attention": (("drawn", "block", "head", *MAP), of_drawn("heads").reshape(-1, len(blocks), heads, *grid)),
        "rollout": (("drawn", *MAP), of_drawn("flow").reshape(-1, *grid)),
    }
    if step.options.control:
        total, count = arrays[f"{net}|alike"]
        variables["alike"] = ((), total / count if count else np.nan)
        variables["rollout_random"] = (("drawn", *MAP), of_drawn("random").reshape(-1, *grid))
    if drawn and f"{net}|predicted|{drawn[0]}" in arrays:
        variables |= {name: ("drawn", of_drawn(name)) for name in ("predicted", "confidence")}
    return xr.Dataset(
        variables,
        coords={"block": list(blocks), "head": np.arange(heads), "drawn": drawn},
        attrs={"net": net, "token": str(step.options.token)},
    )
