"""What is lost against what it costs: a point a setting, the best of them joined, and a line at what nothing costs.

The front holds the points that no other beats in both (Pareto).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from jobs.figures.log_ticks import plain_ticks
from jobs.figures.margins import LINE, SPACE, inches, key, key_height, place, write
from jobs.figures.style import LINES, MARKERS, SMALL, SOFT, WIDTH, canvas, styled

LEFT, TALL, LABEL, EDGE = 0.66, 3.0, 0.20, 0.12  # inches: left, the axes, a label, right

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Series:
    """Points of one kind; smaller is better on both axes. With several draws of a point, as seeds, their mean."""

    label: str
    cost: Float[np.ndarray, " points"]
    loss: Float[np.ndarray, " points"]
    names: Sequence[str] = ()
    """Of points, written beside them."""
    without: float | None = None
    """The loss at full cost, drawn as a line."""
    draws: Float[np.ndarray, "draws points"] | None = None
    """Losses of each draw, drawn small at the same cost."""


def trade_off(given: Sequence[Series], *, x_label: str, y_label: str, joined: bool = True) -> Figure:
    """Cost on a logarithmic axis; `joined`: stairs through the front. ValueError for no points or costs not above 0."""
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
            if joined:
                order = _stairs(series)
                axes.plot(series.cost[order], series.loss[order], color=color, linewidth=1.0, drawstyle="steps-post")
            for losses in series.draws if series.draws is not None else ():
                axes.plot(series.cost, losses, color=color, marker=marker, markersize=2.5, linestyle="", alpha=0.45)
            axes.plot(series.cost, series.loss, color=color, marker=marker, markersize=5, linestyle="", alpha=0.9)
            if series.without is not None:
                axes.axhline(series.without, color=color, linestyle=(0, (3, 1.6)), linewidth=1.0)
        _name(axes, given, joined)
        axes.grid(axis="both", visible=True)
        plain_ticks(axes.xaxis)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.set_ylabel(y_label)
        write(figure, LEFT + (WIDTH - LEFT - EDGE) / 2, LABEL / 2, x_label, ha="center")
        key(figure, handles, LEFT)
    return figure


def _stairs(series: Series) -> Int[np.ndarray, " best"]:
    best = front(series.cost, series.loss)
    return np.flatnonzero(best)[np.argsort(series.cost[best])]


def _name(axes: Axes, given: Sequence[Series], joined: bool) -> None:
    """Names beside points, those of the front first where it is drawn; none where another name or point stands."""
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    size = np.array([WIDTH - LEFT - EDGE, TALL])
    points = [to_axes.transform(np.stack([one.cost, one.loss], 1)) * size for one in given]
    taken = [(x - 0.04, y - 0.04, x + 0.04, y + 0.04) for x, y in np.concatenate(points)]
    for one, places in zip(given, points, strict=True):
        first = _stairs(one).tolist() if joined else []
        order = [*first, *(index for index in range(len(one.cost)) if index not in first)]
        for index in order if one.names else ():
            name, (x, y) = one.names[index], places[index]
            wide = inches(name)
            for right, above in ((True, True), (False, True), (True, False), (False, False)):
                left, bottom = x + 0.06 if right else x - 0.06 - wide, y + 0.03 if above else y - 0.03 - LINE
                box = (left, bottom, left + wide, bottom + LINE)
                if left >= 0 and box[2] <= size[0] and bottom >= 0 and box[3] <= size[1] and _free(box, taken):
                    down = bottom / size[1]
                    axes.text(left / size[0], down, name, transform=axes.transAxes, fontsize=SMALL, color=SOFT)
                    taken.append(box)
                    break


def _free(box: Box, taken: Sequence[Box]) -> bool:
    return not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)


def front(cost: Float[np.ndarray, " points"], loss: Float[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """Which points no other beats: none is as good in both and better in one."""
    best = []
    for c, v in zip(cost, loss, strict=True):
        no_worse = (cost <= c) & (loss <= v)
        best.append(not bool((no_worse & ((cost < c) | (loss < v))).any()))
    return np.array(best)
