"""Networks of one architecture, as seeds of one training: what compression does to all of them, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from jobs.figures.plate import Plate, plate_name
from jobs.figures.shrinking import Shrinking, shrinking
from jobs.figures.trade_off import Series, trade_off
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.dynamics.datasets import by_architecture
from jobs.steps.seed_means import mean_cell

Settings = Float[np.ndarray, "nets settings"]


@dataclass(frozen=True)
class Seeds:
    """One network, or several of one architecture."""

    label: str
    arch: str
    nets: Sequence[xr.Dataset]

    @property
    def settings(self) -> list[str]:
        """Their names, the same for every network."""
        return [str(name) for name in self.nets[0]["setting"].values]

    def error(self, stage: str) -> Settings:
        """Percent of the test images."""
        return 100 * (1 - self._score(stage, "test_accuracy"))

    def gap(self, stage: str) -> Settings:
        """Percent points that training images are more accurate than test images."""
        return 100 * (self._score(stage, "train_accuracy") - self._score(stage, "test_accuracy"))

    @property
    def file_bytes(self) -> Settings:
        """Of the compressed files."""
        return np.stack([found["file_bytes"].values for found in self.nets]).astype(np.float64)

    @property
    def dense_bytes(self) -> Settings:
        """Of the networks as they were."""
        return np.stack([np.full(len(self.settings), float(found["dense_bytes"])) for found in self.nets])

    def _score(self, stage: str, of: str) -> Settings:
        return np.stack([found["score"].sel(stage=stage, of=of).values for found in self.nets])


def seeds(results: dict[str, xr.Dataset]) -> list[Seeds]:
    """Networks by architecture, in order."""
    grouped = by_architecture(results).items()
    return [
        Seeds(nets[0] if len(nets) == 1 else f"{arch}, mean of {len(nets)}", arch, [results[net] for net in nets])
        for arch, nets in grouped
    ]


def trade_off_plate(given: Sequence[Seeds]) -> Plate:
    """Error against bytes."""
    series = [
        Series(
            one.label, one.file_bytes.mean(0) / 1e3, one.error("tuned").mean(0), one.settings,
            float(one.error("dense").mean()), one.error("tuned") if len(one.nets) > 1 else None,
        )
        for one in given
    ]  # fmt: skip
    return Plate(
        plate_name("compress", "trade-off"),
        "What a smaller file costs",
        "A point is a setting after its last training: the bytes of its file, and its error on the test images; small "
        "points are seeds, large ones their mean. The stairs join settings that no other beats in both. Dashed: the "
        "network as it was.",
        trade_off(series, x_label="size of the file (kB)", y_label="test error (%)"),
        {one.label: np.stack([one.file_bytes, one.error("tuned")]) for one in given},
    )


def gap_plate(given: Sequence[Seeds]) -> Plate:
    """Does size regularize? The gap between training and test images against bytes."""
    series, arrays = [], {}
    for one in given:
        gaps = np.concatenate([one.gap("dense")[:, :1], one.gap("tuned")], axis=1)
        size = np.concatenate([one.dense_bytes[:, :1], one.file_bytes], axis=1)
        names = ["as it was", *one.settings]
        draws = gaps if len(one.nets) > 1 else None
        series.append(Series(one.label, size.mean(0) / 1e3, gaps.mean(0), names, draws=draws))
        arrays[one.label] = np.stack([size, gaps])
    return Plate(
        plate_name("compress", "gap"),
        "Does a smaller file generalize better?",
        "Accuracy on training images less that on test images, by the bytes of the file. If size alone regularized, "
        "points would fall to the left; that they were trained longer than the network as it was works against it.",
        trade_off(series, x_label="size of the file (kB)", y_label="gap (percent points)", joined=False),
        arrays,
    )


def stages_plate(given: Sequence[Seeds]) -> Plate:
    """The contribution of every stage, of the first setting."""
    bars = []
    for one in given:
        sizes = [stage_bytes(found, 0) for found in one.nets]
        mean = [float(np.mean([size[stage] for size in sizes])) for stage in sizes[0]]
        bars.append(Shrinking(f"{one.label}, {one.settings[0]}", list(sizes[0]), mean))
    return Plate(
        plate_name("compress", "stages"),
        "What each stage of compression contributes",
        "Sizes as the paper counts them: pruned, 32 bits a weight and an index; shared, a code and an index; after "
        "Huffman coding of both; and the file as it is, biases, normalization and tables included.",
        shrinking(bars),
        {bar.title: np.array(bar.size_bytes) for bar in bars},
    )


def stage_bytes(found: xr.Dataset, setting: int) -> dict[str, float]:
    """Bytes after each stage, of one setting."""
    size = found["size"][setting]

    def account(name: str) -> np.ndarray:
        return np.asarray(size.sel(account=name).values)

    entries = account("kept") + account("fillers")
    pruned = (entries * (32 + account("index_bits"))).sum() / 8
    weights = account("weights")
    return {
        "dense": float(4 * weights.sum()),
        "pruned": float(pruned),
        "shared": float((account("rate") * 4 * weights).sum()),
        "Huffman": float((account("rate_huffman") * 4 * weights).sum()),
        "the file": float(found["file_bytes"].values[setting]),
    }


def seeds_table(section: str, given: Sequence[Seeds]) -> Table:
    """Paired over networks: what each setting changes."""
    rows: list[tuple[Cell, ...]] = []
    for one in given:
        before, after = one.error("dense"), one.error("tuned")
        times = one.dense_bytes / one.file_bytes
        for number, setting in enumerate(one.settings):
            rows.append(
                (
                    one.arch, setting, len(one.nets), float(times[:, number].mean()), f"{before[:, number].mean():.2f}",
                    f"{after[:, number].mean():.2f}", mean_cell(after[:, number] - before[:, number]),
                    mean_cell(one.gap("tuned")[:, number] - one.gap("dense")[:, number]),
                )
            )  # fmt: skip
    columns = ("architecture", "setting", "networks", "times smaller", "error % dense", "compressed", "change, points",
               "change of the gap, points")  # fmt: skip
    note = (
        "Means over networks; changes are paired, with the 95 % interval of Student's t over networks. The gap is the "
        "accuracy on training images less that on test images."
    )
    return Table(section, columns, tuple(rows), note)
