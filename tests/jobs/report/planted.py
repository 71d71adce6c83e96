"""A report on networks with planted matches."""

from pathlib import Path

import numpy as np

from cluster.folder import Folder
from jobs.figures.plate import Plate, save
from jobs.report.cells import Measured
from jobs.report.page import NetworkRow, PlateEntry, Report, Table, write_report
from jobs.report.sparkline import TrainingCurve
from tests.jobs.figures.planted import Compared, compared, curve_plates, filters_plate, matched, matrix_plate, share

SECTIONS = {"matrices": "Correlation matrices", "filters": "First-layer filters"}


def network(name: str, seed: int) -> NetworkRow:
    """A small trained network with a plausible curve."""
    epochs = np.arange(12)
    test = 0.975 - 0.8 * np.exp(-(0.7 + 0.1 * seed) * epochs)
    recipe = f"trained here: seed {seed}, 12 epochs, SGD, sha256 9f3c{seed}b7d"
    return NetworkRow(
        name, "convnet", 61_706, float(test[-1]), 0.999, recipe, TrainingCurve(list(test + 0.02), list(test))
    )


def layer_row(layer: Compared) -> list[str | int | float | Measured | None]:
    """All numbers of one layer."""
    real, floors = matched(layer.between), matched(layer.floor)
    cells: list[str | int | float | Measured | None] = [layer.name, *layer.between.shape]
    for values, floor in zip(real, floors, strict=True):
        mean, spread = float(np.nanmean(values)), 2 * float(np.nanstd(values)) / len(values) ** 0.5
        cells.append(Measured(mean, mean - spread, mean + spread, float(np.nanmean(floor))))
    agree = float(np.mean(real[0] == real[1]))
    return [*cells, Measured(agree, agree - 0.04, agree + 0.03, 0.31), float(share(layer.between)[25])]


def planted_plates() -> list[Plate]:
    """Every plate of a comparison of three layers."""
    layers = planted_layers()
    return [*map(matrix_plate, layers), *curve_plates(layers), filters_plate()]


def planted_layers() -> list[Compared]:
    """Three layers, the deeper the less alike."""
    return [compared("conv1", 16, 16, 0.3), compared("conv2", 32, 32, 0.6, 1), compared("fc1", 64, 64, 1.2, 2)]


COLUMNS = (
    "layer",
    "channels a",
    "channels b",
    "semi-matching, mean",
    "bipartite, mean",
    "same partner",
    "paired at 0.5",
)
IMAGES = (("Source", "digits"), ("Shape", "1 x 8 x 8"), ("Images", "1,797"), ("Classes", "10"), ("Skipped", "1"))
VERSIONS = (("vitrine", "0.1.0"), ("Python", "3.11.9"), ("torch", "2.15.0"), ("ray", "2.60.0"), ("Device", "cpu"))
SUMMARY = (("Study", "digits"), ("Networks", "2"), ("Layers", "3"), ("Images", "1,797"), ("Time", "2 min 14 s"))
WARNINGS = (
    "1 of 1,797 images could not be read and was left out: digits/00042.",
    "Channel 3 of b at fc1 is constant: its correlations are not defined.",
)
SQUEEZENET = NetworkRow(
    "c", "torchvision:squeezenet1_1", 1_235_496, 0.582, 0.806, "squeezenet1_1.safetensors, sha256 77ab01c2"
)


def section_of(plate: Plate) -> str:
    """The section that a plate's name begins with."""
    return SECTIONS.get(plate.name.split("-")[0], "Matched channels")


def planted_report(plates: list[Plate]) -> Report:
    """A report of two networks trained from different seeds on the digits."""
    rows = [layer_row(layer) for layer in planted_layers()]
    return Report(
        title="Two seeds, one task: which channels are the same?",
        summary=SUMMARY,
        networks=[network("a", 1), network("b", 2), SQUEEZENET],
        images=IMAGES,
        versions=VERSIONS,
        seconds=134.2,
        layer_tables=[
            Table("Matched channels of a and b", COLUMNS, rows, "Correlations over all images and positions.")
        ],
        plates=[PlateEntry(section_of(plate), plate.name, plate.title, plate.how_to_read) for plate in plates],
        links=[("Correlations and matches", "../results/correlate-1a2b3c4d.zarr"), ("Plan", "../plan.json")],
        warnings=WARNINGS,
    )


def write_planted(root: Path) -> Report:
    """Save all plates and the page below `root`, with the files that the page links to."""
    blobs, plates = Folder(root), planted_plates()
    for plate in plates:
        save(plate, blobs)
    report = planted_report(plates)
    write_report(report, blobs)
    for _, href in report.links:
        blobs.write(href.removeprefix("../"), b"{}")
    return report
