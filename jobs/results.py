"""Results of a finished step: one Zarr group with an xarray dataset for each pair of layers, and a marker written last.

Read one with `xarray.open_zarr("runs/NAME/results/STEP.zarr", group="conv1", consolidated=False)`.
"""

import json
import warnings
from typing import TYPE_CHECKING, Any

from cluster.blobs import Blobs
from jobs.plan import Plan

if TYPE_CHECKING:
    import xarray as xr


def write_results(run: Blobs, name: str, results: dict[str, "xr.Dataset"], plan: Plan) -> None:
    """Write every dataset with its provenance, then the marker that makes them count."""
    provenance = {
        "run": plan.key,
        "step": name,
        "images": plan.rows,
        **{f"version_{k}": v for k, v in plan.versions.items()},
    }
    for group, dataset in results.items():
        with warnings.catch_warnings():
            _quiet_strings(warnings)
            dataset.assign_attrs(provenance).to_zarr(
                run.zarr_store(f"results/{name}.zarr"), group=group, mode="w", consolidated=False, zarr_format=3
            )
    run.write(_marker(name), json.dumps({"groups": list(results), **provenance}, indent=1).encode())


def read_results(run: Blobs, name: str) -> dict[str, "xr.Dataset"] | None:
    """The datasets of a finished step, None where it has not finished."""
    import xarray as xr

    if not run.exists(_marker(name)):
        return None
    marker: dict[str, Any] = json.loads(run.read(_marker(name)))
    store = run.zarr_store(f"results/{name}.zarr", read_only=True)
    with warnings.catch_warnings():
        _quiet_strings(warnings)
        return {group: xr.open_zarr(store, group=group, consolidated=False).load() for group in marker["groups"]}


def is_finished(run: Blobs, name: str) -> bool:
    """Whether a step's results are whole."""
    return run.exists(_marker(name))


def _marker(name: str) -> str:
    return f"results/{name}.json"


def _quiet_strings(module: Any) -> None:
    """Zarr 3 has no final format of text arrays yet and says so for each; ours hold names of estimates only."""
    module.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
