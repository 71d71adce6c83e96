"""Figures and tables of learning dynamics: panes through training, convergence of each layer, order by depth."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.similarity.measures import MEASURES
from jobs.figures.lines import Line, lines
from jobs.figures.panes import LayerMatrix, panes
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.dynamics.datasets import by_architecture
from jobs.steps.pair_scores import FEW
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.dynamics.step import Dynamics

SAME = 0.999
"""The last checkpoint is the end of training where its layers are this similar to themselves at the end."""


def presentation(step: "Dynamics", _plan: "Plan", results: dict[str, xr.Dataset]) -> Presentation:
    """Panes of all architectures in one figure, curves of each, and two tables."""
    shown = {arch: nets[0] for arch, nets in by_architecture(results).items()}
    plates = [("Learning dynamics", _panes(step, shown, results))]
    plates += [("Convergence", plate) for net in shown.values() for plate in _curves(step, net, results[net])]
    tables = (
        _order_table(results),
        *(_layer_table(step, arch, nets, results) for arch, nets in by_architecture(results).items()),
    )
    warnings = [warning for net in step.nets for warning in _warnings(net, results[net])]
    return Presentation(tuple(plates), tables, tuple(warnings))


def _panes(step: "Dynamics", shown: dict[str, str], results: dict[str, xr.Dataset]) -> Plate:
    rows, arrays = [], {}
    for net in shown.values():
        found = results[net]
        times, layers = found["time"].values, found["layer_end"].values.tolist()
        row = []
        for percent in step.options.panes:
            at = int(np.argmin(np.abs(times - percent / 100 * times[-1])))
            values = found["similarity"].values[at, :, :, 0]
            share = times[at] / max(times[-1], 1)  # the only checkpoint may be that of no training
            row.append(LayerMatrix(f"{100 * share:.0f} %", values, layers, layers))
            arrays[f"{net}/{times[at]}"] = values
        arrays[f"{net}/layers"] = np.array(layers)
        rows.append(row)
    title = MEASURES[step.options.measure].title
    return Plate(
        plate_name("dynamics", "panes"),
        f"{title} of every layer through training with every layer at the end",
        "Each pane is one moment of training. A diagonal that lights up from the lower left says that layers near the "
        "input become what they stay first; bright blocks are layers that resemble each other, as a convolution and "
        "its batch norm.",
        panes(
            rows, limits=(0.0, 1.0), color_label=title, x_label="layers at the end of training",
            y_label="layers at that time", row_labels=list(shown) if len(shown) > 1 else (),
        ),
        arrays,
    )  # fmt: skip


def _curves(step: "Dynamics", net: str, found: xr.Dataset) -> list[Plate]:
    """None where no layer has a value."""
    times, layers = found["time"].values.astype(float), found["layer_end"].values.tolist()
    own = np.stack([found["similarity"].values[:, number, number] for number in range(len(layers))])
    drawn = [
        Line(layer, times, *own[number].T)
        for number, layer in enumerate(layers)
        if not np.isnan(own[number, :, 0]).all()
    ]
    if not drawn:
        return []
    title = MEASURES[step.options.measure].title
    plate = Plate(
        plate_name("dynamics", "convergence", net),
        f"How near each layer of {net} is to what it becomes",
        "One line a layer, dark near the input and bright near the output; where dark lines lie above bright ones the "
        f"network converges from the bottom up. Dots: first at {step.options.threshold:g} or above.",
        lines(
            drawn, x_label="epochs (or the numbers of the checkpoints)", y_label=f"{title} with the layer at the end",
            graded=True, threshold=step.options.threshold,
        ),
        {"times": times, "layers": np.array(layers), "similarity": own},
    )  # fmt: skip
    return [plate]


def _order_table(results: dict[str, xr.Dataset]) -> Table:
    together = results["over seeds"]
    rows: list[tuple[Cell, ...]] = []
    for arch, nets in by_architecture(results).items():
        mean, low, high = (float(part) for part in together["rank_correlation"].sel(arch=arch).values)
        each = ", ".join(f"{net} {float(results[net]['rank_correlation']):.2f}" for net in nets)
        rows.append((arch, len(nets), Measured(mean, low, high) if len(nets) > 1 else mean, _verdict(low, high), each))
    note = (
        "Spearman's rank correlation of a layer's depth with the time at which it converges, mean and 95 % interval "
        "(Student's t) over networks of one architecture. Above 0, layers near the input converge first. The input "
        "itself is left out."
    )
    columns = ("architecture", "networks", "rank correlation", "bottom-up?", "each")
    return Table("Is convergence bottom-up?", columns, tuple(rows), note)


def _verdict(low: float, high: float) -> str:
    if np.isnan(low):
        return "needs several seeds"
    return "yes" if low > 0 else "no, top-down" if high < 0 else "not decided"


def _layer_table(step: "Dynamics", arch: str, nets: list[str], results: dict[str, xr.Dataset]) -> Table:
    reached = {net: results[net]["converged"].to_series().to_dict() for net in nets}
    first = results[nets[0]]
    starts = {
        layer: Measured(*first["similarity"].values[0, number, number].tolist())
        for number, layer in enumerate(first["layer_end"].values)
    }
    layers = dict.fromkeys(layer for net in nets for layer in reached[net])  # a study may name others for each
    rows: list[tuple[Cell, ...]] = [
        (str(layer), starts.get(layer), *(reached[net].get(layer) for net in nets)) for layer in layers
    ]
    note = (
        f"At the first checkpoint: similarity of {nets[0]}'s layer to itself at the end, with interval and floor. The "
        f"other columns: when the layer of each network first reaches {step.options.threshold:g} of its last "
        "similarity, in epochs (or numbers of checkpoints), linear between checkpoints."
    )
    return Table(f"Convergence of {arch}", ("layer", "at the first checkpoint", *nets), tuple(rows), note)


def _warnings(net: str, found: xr.Dataset) -> list[str]:
    warnings = []
    samples, kept = found["samples"].values, found["kept"].values.max(-1)
    few = (samples > 0) & (samples < FEW * kept)
    if few.any():
        share = np.where(few, samples / np.maximum(kept, 1), np.inf)
        time, then, end = np.unravel_index(int(np.argmin(share)), share.shape)
        warnings.append(
            f"{net}: {int(few.sum())} of {few.size} cells have fewer than {FEW} samples a direction (least: "
            f"{found['layer_then'].values[then]} with {found['layer_end'].values[end]}, "
            f"{int(samples[time, then, end])} for {int(kept[time, then, end])}); take more images."
        )
    last = np.diagonal(found["similarity"].values[-1, :, :, 0])
    withheld = np.flatnonzero(np.isnan(last))
    if len(withheld):
        warnings.append(
            f"{net}: {len(withheld)} of {len(last)} layers have no value (first "
            f"{found['layer_end'].values[withheld[0]]}): a layer without a varying unit, fewer samples than "
            "directions, or no floor."
        )
    if len(withheld) < len(last) and np.nanmean(last) < SAME:
        warnings.append(
            f"{net}: its last checkpoint ({int(found['time'].values[-1])}) is not the end of training; keep the last "
            "epoch among train.checkpoints."
        )
    return warnings
