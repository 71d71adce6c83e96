"""What is lost against what it costs: a point a setting, the best of them joined, and a line at what nothing costs.

The front holds the points that no other beats in both (Pareto).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from jobs.figures.margins import LINE, SPACE, key, key_height, place, write
from jobs.figures.style import LINES, MARKERS, SMALL, SOFT, WIDTH, canvas, styled

LEFT, TALL, LABEL, EDGE = (
    0.66,
    3.0,
    0.20,
    0.12,
)  # inches: left, the axes, a label, right


@dataclass(frozen=True)
class Series:
    """Points of one kind; smaller is better on both axes."""

    label: str
    cost: Float[np.ndarray, " points"]
    loss: Float[np.ndarray, " points"]
    names: Sequence[str] = ()
    """Of points, written beside those of the front."""
    without: float | None = None
    """The loss at full cost, drawn as a line."""


def trade_off(given: Sequence[Series], *, x_label: str, y_label: str) -> Figure:
    """Cost on a logarithmic axis, loss in percent points from 0 to 1. ValueError for no points or costs not above 0."""
    if not given or any(len(series.cost) == 0 for series in given):
        raise ValueError("There are no points to draw; give at least one in each series.")
    if any(float(series.cost.min()) <= 0 for series in given):
        raise ValueError("A cost is not above 0 and has no place on a logarithmic axis; leave it out.")
    handles = [
        Line2D([], [], color=LINES[number % len(LINES)], marker=MARKERS[number % len(MARKERS)], label=series.label)
        for number, series in enumerate(given)
    ]
    if any(series.without is not None for series in given):
        handles.append(Line2D([], [], color=SOFT, linestyle=(0, (3, 1.6)), linewidth=1.0, label="uncompressed"))
    with styled():
        below = LABEL + LINE + SPACE
        figure = canvas(key_height(handles, LEFT) + SPACE + TALL + below)
        axes = place(figure, LEFT, below, WIDTH - LEFT - EDGE, TALL)
        axes.set_xscale("log")
        axes.margins(x=0.08, y=0.12)
        for number, series in enumerate(given):
            color, marker = LINES[number % len(LINES)], MARKERS[number % len(MARKERS)]
            best = front(series.cost, series.loss)
            order = np.flatnonzero(best)[np.argsort(series.cost[best])]
            axes.plot(series.cost[order], series.loss[order], color=color, linewidth=1.0, drawstyle="steps-post")
            axes.plot(series.cost, series.loss, color=color, marker=marker, markersize=5, linestyle="", alpha=0.9)
            if series.without is not None:
                axes.axhline(series.without, color=color, linestyle=(0, (3, 1.6)), linewidth=1.0)
            for index in order if series.names else ():
                axes.annotate(
                    series.names[index], (series.cost[index], series.loss[index]), (4, 4), textcoords="offset points",
                    fontsize=SMALL, color=SOFT,
                )  # fmt: skip
        axes.grid(axis="both", visible=True)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.set_ylabel(y_label)
        write(figure, LEFT + (WIDTH - LEFT - EDGE) / 2, LABEL / 2, x_label, ha="center")
        key(figure, handles, LEFT)
    return figure


def front(cost: Float[np.ndarray, " points"], loss: Float[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """Which points no other beats: none is as good in both and better in one."""
    best = []
    for c, v in zip(cost, loss, strict=True):
        no_worse = (cost <= c) & (loss <= v)
        best.append(not bool((no_worse & ((cost < c) | (loss < v))).any()))
    return np.array(best)
