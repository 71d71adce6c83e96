"""How the weights of a layer are spread step by step, as the authors of DSD show it: a row a network, a column a step.

Zeros are so many once pruned weights are back that their bin is cut off and labeled instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.margins import shortened
from jobs.figures.style import BLUE, SMALL, SOFT, TEXT, VERMILION, WIDTH, canvas, styled

ROW = 1.5  # inches
ROOM = 1.3  # of the highest bin that is no spike: the label stands above it


@dataclass(frozen=True)
class WeightSteps:
    """One network: counts of its weights over the same bins at every step."""

    title: str
    layer: str
    counts: Int[np.ndarray, "steps bins"]
    edges: Float[np.ndarray, " edges"]
    zeros: Float[np.ndarray, " steps"]
    """Share of the weights that are zero at every step, counted or not."""


def weight_steps(rows: Sequence[WeightSteps], steps: Sequence[str]) -> Figure:
    """One row a network, one column a step; ValueError for no networks or counts that do not fit steps and edges."""
    if not rows:
        raise ValueError("There are no weights to draw; give at least one network.")
    for row in rows:
        if row.counts.shape != (len(steps), len(row.edges) - 1):
            raise ValueError(
                f"Network {row.title!r} has counts {row.counts.shape} for {len(steps)} steps and {len(row.edges)} "
                "edges; give a row a step and a column a bin."
            )
    with styled():
        figure = canvas(0.45 + ROW * len(rows), layout="constrained")
        grid = figure.subplots(len(rows), len(steps), sharey="row", sharex="row", squeeze=False)
        for axes_row, row in zip(grid, rows, strict=True):
            middle = len(row.edges) // 2 - 1
            others = np.delete(row.counts, middle, axis=1)
            top = ROOM * float(others.max()) or 1.0
            for number, axes in enumerate(axes_row):
                _step(axes, row, number, top, middle)
            names = shortened(row.title, ROW - 0.3), shortened(row.layer, ROW - 0.3)
            axes_row[0].set_ylabel("\n".join(names), fontsize=SMALL)
        for axes, step in zip(grid[0], steps, strict=True):
            axes.set_title(_two_lines(step), fontsize=TEXT)
        figure.supxlabel("weight", fontsize=SMALL)
    return figure


def _step(axes: Axes, row: WeightSteps, number: int, top: float, middle: int) -> None:
    counts = row.counts[number]
    axes.stairs(counts, row.edges, fill=True, color=BLUE)
    axes.set_ylim(0, top)
    axes.set_xlim(row.edges[0], row.edges[-1])
    axes.set_yticks([])
    if counts[middle] > top:
        axes.stairs(counts[middle : middle + 1], row.edges[middle : middle + 2], fill=True, color=VERMILION)
    label = f"{100 * row.zeros[number]:.0f} % zero" if row.zeros[number] > 0.0005 else ""
    axes.text(
        0.98, 0.98, label, transform=axes.transAxes, ha="right", va="top", fontsize=SMALL, color=SOFT,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8} if label else None,
    )  # fmt: skip


def _two_lines(step: str) -> str:
    """A title in two lines of about equal length where it is longer than its column."""
    words = step.split(" ")
    if len(step) * 0.075 <= WIDTH / 5 - 0.2 or len(words) == 1:
        return step
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return " ".join(words[:cut]) + "\n" + " ".join(words[cut:])
