"""Figures and tables of compressed networks: the trade-off, the stages, the scan, the starts, the paper's accounts."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.codebooks import Codebooks, codebooks
from jobs.figures.lines import Line, lines
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.compress.seeds import gap_plate, seeds, seeds_table, stages_plate, trade_off_plate
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compress.step import Compress
    from jobs.views import Views

SECTION = "Compressed networks"


def presentation(_step: "Compress", _plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> Presentation:
    """The trade-off, stages and gaps of all networks, the scan and the starts of each; the accounts."""
    given = seeds(results)
    plates = [(SECTION, trade_off_plate(given)), (SECTION, stages_plate(given)), (SECTION, gap_plate(given))]
    tables = [_settings(results)]
    if any(len(one.nets) > 1 for one in given):
        tables.insert(0, seeds_table(f"{SECTION}, over seeds", given))
    for net, found in results.items():
        if "scan" in found:
            plates.append((SECTION, _scan(net, found)))
        if "bits_accuracy" in found:
            plates += [(SECTION, _bits(net, found)), (SECTION, _starts(net, found))]
        tables.append(_layers(net, found))
    return Presentation(tuple(plates), tuple(tables))


def _scan(net: str, found: xr.Dataset) -> Plate:
    shares = found["share"].values
    x = np.arange(len(shares), dtype=np.float64)
    given = [Line(str(layer), x, found["scan"].values[number]) for number, layer in enumerate(found["layer"].values)]
    return Plate(
        plate_name("compress", net, "scan"),
        f"Which layers of {net} can do without weights",
        "Accuracy on the test images as one layer alone is pruned and nothing trained: a layer whose line falls late "
        "has weights to spare.",
        lines(given, x_label="share of the layer's weights that stay", y_label="test accuracy",
              ticks=[f"{share:.0%}".replace("%", " %") for share in shares], graded=len(given) > 7),
        {"share": shares, "accuracy": found["scan"].values},
    )  # fmt: skip


def _bits(net: str, found: xr.Dataset) -> Plate:
    bits = found["bits"].values
    x = np.arange(len(bits), dtype=np.float64)
    errors = 100 * (1 - found["bits_accuracy"].values)
    given = [Line(str(start), x, errors[number]) for number, start in enumerate(found["start"].values)]
    return Plate(
        plate_name("compress", net, "bits"),
        f"How many shared values {net} needs",
        "Error on the test images with 2^bits values a layer from each start of k-means, before these are trained.",
        lines(given, x_label="bits of a code", y_label="test error (%)", ticks=[str(number) for number in bits]),
        {"bits": bits, "accuracy": found["bits_accuracy"].values},
    )


def _starts(net: str, found: xr.Dataset) -> Plate:
    layer = str(found["layer"].values[int(found["largest"])])
    rows: list[tuple[str, np.ndarray]] = []
    for number, start in enumerate(found["start"].values):
        rows += [(f"{start} start", found["begun"].values[number]), ("after k-means", found["found"].values[number])]
    rows.append(("trained", found["trained"].values))
    return Plate(
        plate_name("compress", net, "starts"),
        f"Where shared values lie in {layer} of {net}",
        "Weights that are left after pruning, and the values that stand for them: where each start puts them, where "
        "k-means moves them, and where training leaves those that were used.",
        codebooks(Codebooks(found["histogram"].values, found["histogram_edges"].values, rows)),
        {name: found[name].values for name in ("histogram", "histogram_edges", "begun", "found", "trained")},
    )


def _error(found: xr.Dataset, stage: str) -> np.ndarray:
    return 1 - np.asarray(found["score"].sel(stage=stage, of="test_accuracy").values)


def _settings(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        for number, setting in enumerate(found["setting"].values):
            errors = [f"{100 * float(_error(found, stage)[number]):.2f}" for stage in found["stage"].values]
            size = found["size"][number]
            kept = float(size.sel(account="kept").sum() / size.sel(account="weights").sum())
            score = found["score"][number].sel(stage="tuned")
            gap = 100 * float(score.sel(of="train_accuracy") - score.sel(of="test_accuracy"))
            file = float(found["file_bytes"].values[number])
            rows.append((net, str(setting), 100 * kept, *errors, gap, file / 1e3, float(found["dense_bytes"]) / file))
    columns = ("network", "setting", "kept %", "error % dense", "pruned", "shared", "trained", "gap, points", "file kB",
               "times smaller")  # fmt: skip
    note = "Errors on the test images after each stage; gap: accuracy on training images less that on test images."
    return Table(SECTION, columns, tuple(rows), note)


def _layers(net: str, found: xr.Dataset) -> Table:
    size, rows = found["size"][0], list[tuple[Cell, ...]]()
    for number, layer in enumerate(found["layer"].values):
        of = {str(name): float(size.values[number, place]) for place, name in enumerate(found["account"].values)}
        per_weight = (of["kept"] + of["fillers"]) * (of["code_bits_huffman"] + of["index_bits_huffman"]) / of["kept"]
        rows.append(
            (
                str(layer), int(of["weights"]), 100 * of["kept"] / of["weights"], int(of["code_bits"]),
                of["code_bits_huffman"], int(of["index_bits"]), of["index_bits_huffman"], per_weight, 100 * of["rate"],
                100 * of["rate_huffman"], int(of["file_bytes"]), float(found["inputs"].values[0, number]),
            )
        )  # fmt: skip
    columns = (
        "layer", "weights", "kept %", "weight bits", "Huffman", "index bits", "Huffman", "bits a kept weight", "rate %",
        "Huffman %", "bytes in the file", "inputs a unit",
    )  # fmt: skip
    title = f"Layers of {net}, {found['setting'].values[0]}"
    note = "As in the tables of Han et al., 2016; a kept weight takes its code, its gap and its share of the fillers."
    return Table(title, columns, tuple(rows), note)
