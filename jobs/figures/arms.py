"""Populations beside their controls: a dot a training, a gray line a seed, the mean of each arm with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jobs.figures.margins import legend, shortened
from jobs.figures.style import BLUE, FRAME, INK, LINES, SMALL, TEXT, WIDTH, canvas, styled

PANEL = 2.3  # inches, the height of a panel
SIDE = 0.22  # of the way to the next arm: where the mean stands, beside the dots
SEEDS_NAMED = 1  # a single seed has no line and no interval


@dataclass(frozen=True)
class Arms:
    """One panel: values of every arm, seed by seed; NaN is left out."""

    title: str
    arms: Sequence[str]
    values: Float[np.ndarray, "arms seeds"]
    intervals: Float[np.ndarray, "arms bounds"] | None = None
    """Lower and upper end for each arm's mean; NaN bounds are not drawn."""
    y_label: str = ""


def arms(panels: Sequence[Arms], *, columns: int = 3, paired: bool = True) -> Figure:
    """Panels row by row, each with its own scale; `paired`: the same seed is joined across arms.

    Raises ValueError for no panels, or values that do not fit the arms.
    """
    if not panels:
        raise ValueError("There are no arms to draw; give at least one panel.")
    for panel in panels:
        if panel.values.ndim != 2 or len(panel.values) != len(panel.arms):
            raise ValueError(
                f"Panel {panel.title!r} has values {panel.values.shape} for {len(panel.arms)} arms; give a row an arm."
            )
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with styled():
        figure = canvas(0.35 + PANEL * rows, layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid, panels, strict=False):
            _panel(axes, panel, paired, WIDTH / columns - 0.7)
        legend(figure, _handles(panels, paired))
    return figure


def _panel(axes: Axes, panel: Arms, paired: bool, wide: float) -> None:
    at = np.arange(len(panel.arms))
    axes.grid(axis="y", visible=True)
    if paired:
        axes.plot(at, panel.values, color=FRAME, linewidth=0.6, alpha=0.7, zorder=1)
    for number, values in enumerate(panel.values):
        color = LINES[number % len(LINES)]
        axes.plot(np.full(len(values), at[number]), values, "o", color=color, markersize=3.5, alpha=0.65, zorder=2)
        if np.isfinite(values).any():
            axes.plot(at[number] + SIDE, np.nanmean(values), "D", color=INK, markersize=4, zorder=3)
        if panel.intervals is not None and np.isfinite(panel.intervals[number]).all():
            axes.vlines(at[number] + SIDE, *panel.intervals[number], color=INK, linewidth=1.2, zorder=3)
    axes.set_xlim(-0.5, len(at) - 0.5 + SIDE)
    room = wide / len(at)
    axes.set_xticks(at, [_broken(name, room) for name in panel.arms], fontsize=SMALL)
    axes.set_title(shortened(panel.title, wide, TEXT, bold=True))
    axes.set_ylabel(panel.y_label)


def _broken(name: str, room: float) -> str:
    """A name of two words on two lines where one is too short."""
    return name if len(name) * 0.062 <= room else name.replace(" ", "\n")


def _handles(panels: Sequence[Arms], paired: bool) -> list[Line2D]:
    several = any(panel.values.shape[1] > SEEDS_NAMED for panel in panels)
    handles = [Line2D([], [], linestyle="none", marker="o", color=BLUE, markersize=3.5, label="a training")]
    if paired and several:
        handles.append(Line2D([], [], color=FRAME, linewidth=0.8, label="the same seed"))
    if several:
        with_interval = any(panel.intervals is not None for panel in panels)
        label = "mean, 95 % interval over seeds" if with_interval else "mean"
        handles.append(Line2D([], [], color=INK, marker="D", markersize=4, linewidth=1.2, label=label))
    return handles
