"""All numbers of a `compress` step for one network: scores of every stage, sizes of every layer, the scan."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from jobs.steps.compress.tasks import SIZES, STAGES, STARTS
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compress.step import Compress


def dataset(step: "Compress", plan: "Plan", net: str, arrays: Arrays) -> xr.Dataset:
    """Dimensions setting, stage, layer, and share and bits of the scans.

    Bytes are those of the file; `rate` and `rate_huffman` of `size` are shares of 32 bits a weight as the paper counts
    them, before and after Huffman coding.
    """
    options, layers = step.options, list(plan.nets[net].weighted)
    settings = [_of(arrays, net, str(number)) for number in range(len(options.settings))]
    variables: dict[str, Any] = {
        "score": (("setting", "stage", "of"), np.stack([found["score"] for found in settings])),
        "size": (("setting", "layer", "account"), np.stack([found["sizes"] for found in settings])),
        "inputs": (("setting", "layer"), np.stack([found["inputs"] for found in settings])),
        "file_bytes": ("setting", np.array([len(found["file"]) for found in settings])),
        "dense_bytes": ((), settings[0]["dense_bytes"]),
    }
    if options.scan:
        scan = np.stack([arrays[f"{net}|scan|{layer}"] for layer in layers])
        variables["scan"] = (("layer", "share"), scan)
    if "bits_accuracy" in settings[0]:
        variables["bits_accuracy"] = (("start", "bits"), settings[0]["bits_accuracy"])
        variables |= _starts(settings[0])
    return xr.Dataset(
        variables,
        coords={
            "setting": [setting.label() for setting in options.settings], "stage": list(STAGES), "layer": layers,
            "of": ["test_accuracy", "test_loss", "train_accuracy", "train_loss"], "account": list(SIZES),
            "share": list(options.scan), "start": list(STARTS), "bits": list(options.scan_bits),
        },
        attrs={"net": net, "arch": plan.nets[net].arch},
    )  # fmt: skip


def _starts(found: Arrays) -> dict[str, Any]:
    """The first setting's k-means on the layer of most weights."""
    return {
        "histogram": ("bin", found["histogram"]),
        "histogram_edges": ("edge", found["histogram_edges"]),
        "largest": ((), found["largest"]),
        "begun": (("start", "code"), _padded([found[f"start_{start}"] for start in STARTS])),
        "found": (("start", "code"), _padded([found[f"found_{start}"] for start in STARTS])),
        "trained": ("value", found["trained"]),
    }


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """NaN where a start found fewer values."""
    longest = max(map(len, rows))
    return np.stack([np.pad(row.astype(np.float64), (0, longest - len(row)), constant_values=np.nan) for row in rows])


def _of(arrays: Arrays, net: str, part: str) -> Arrays:
    prefix = f"{net}|{part}|"
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
