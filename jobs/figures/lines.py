"""Lines over an ordered axis: a line a class over depth, or a line a layer over training.

A few lines are named where they end. Layers are many and ordered, so they take their colors from one scale: layers
that converge bottom-up reach a threshold one after the other (Raghu et al., 2017, arXiv:1706.05806).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from jobs.figures.curves import DASHES, INTERVAL
from jobs.figures.margins import (
    LINE,
    SPACE,
    floor_sign,
    height_below,
    interval_sign,
    key,
    key_height,
    name_x,
    name_y,
    place,
    shortened,
    widest,
    write,
    write_upright,
)
from jobs.figures.style import FRAME, LINES, MARKERS, SMALL, SOFT, WIDTH, canvas, styled

LEFT, TALL, LABEL, EDGE = 0.58, 2.9, 0.20, 0.06  # inches: numbers and label of y, the axes, a line of text, the edges
LEADER, SIGN = 0.28, 0.10  # inches from the axes to the marker before a name, and from there to the name
BAR, APART = 0.11, 0.14  # inches: the width of the bar of layers, and its distance from the axes
BRIGHTEST = 0.88  # of viridis: above it yellow is too faint for a line on white
STROKES: tuple[Any, ...] = ("-", (0, (7, 1, 1.5, 1)))  # the second for lines whose color was used before
DOT: dict[str, Any] = {"marker": "o", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.8}
Style = dict[str, Any]
Points = Float[np.ndarray, " points"]


@dataclass(frozen=True)
class Line:
    """One line, with its interval and its noise floor where they are known; `x` ascends."""

    label: str
    x: Points
    y: Points
    low: Points | None = None
    high: Points | None = None
    floor: Points | None = None


def lines(
    given: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    ticks: Sequence[str] | None = None,
    graded: bool = False,
    threshold: float | None = None,
    interval: str = "bootstrap interval over images",
) -> Figure:
    """All lines on one pair of axes, intervals thin (`interval` names them), floors dashed, a gray band if they differ.

    `ticks` names x = 0, 1, ... where x counts layers. Lines are named at their ends, those beyond seven drawn with
    another stroke; `graded` instead colors them in their order, input to output, and explains the colors by a bar.
    `threshold` draws a level and a dot at the first point of every line that reaches it. NaN leaves gaps. Raises
    ValueError for no lines, arrays of different lengths and points beyond the ticks.
    """
    _check(given, ticks)
    styles = _graded_styles(len(given)) if graded else _named_styles(len(given))
    shifts = _shifts(len(given), apart=bool(ticks) and not graded)
    with styled():
        handles, names = _handles(given, threshold, interval), SPACE + widest([line.label for line in given])
        right = EDGE + names + (APART + BAR + LABEL if graded else LEADER + SIGN)
        figure, axes = _axes(given, ticks, key_height(handles, LEFT), WIDTH - LEFT - right)
        axes.set(ylim=_y_limits(given, threshold), ylabel=y_label)
        write(figure, LEFT + _wide(axes) / 2, LABEL / 2, x_label, ha="center")
        _floors(axes, given)
        if threshold is not None:
            axes.axhline(threshold, color=SOFT, linewidth=0.8)
        for line, style, shift in zip(given, styles, shifts, strict=True):
            _line(axes, line, style, shift, threshold)
        if graded:
            _bar(figure, axes, [line.label for line in given], styles, names)
        else:
            _name(axes, given, styles, shifts)
        key(figure, handles, LEFT)
    return figure


def _shifts(count: int, apart: bool) -> list[float]:
    """Lines over layers stand a little apart, so that intervals at the same layer do not cover each other."""
    step = min(0.08, 0.5 / count) if apart else 0.0
    return [(number - (count - 1) / 2) * step for number in range(count)]


def _check(given: Sequence[Line], ticks: Sequence[str] | None) -> None:
    if not given:
        raise ValueError("There are no lines to draw; give at least one.")
    for line in given:
        lengths = [len(values) for values in (line.x, line.y, line.low, line.high, line.floor) if values is not None]
        if len(set(lengths)) != 1 or lengths[0] == 0:
            raise ValueError(f"Line {line.label!r} has arrays of {lengths} entries; give one a point in each.")
        if ticks is not None and not (line.x.min() >= 0 and line.x.max() <= len(ticks) - 1):
            raise ValueError(
                f"Line {line.label!r} ends at {line.x.max():g}; {len(ticks)} ticks name 0-{len(ticks) - 1}."
            )


def _axes(given: Sequence[Line], ticks: Sequence[str] | None, head: float, wide: float) -> tuple[Figure, Axes]:
    first, last = min(float(line.x.min()) for line in given), max(float(line.x.max()) for line in given)
    room = 0.5 if ticks else 0.02 * (last - first or 1.0)
    first, last = (0.0, len(ticks) - 1.0) if ticks else (first, last)
    at = [(number + room) * wide / (last - first + 2 * room) for number in range(len(ticks or ()))]
    below = LABEL + SPACE + (height_below(ticks, at) if ticks else LINE)
    figure = canvas(head + SPACE + TALL + below)
    axes = place(figure, LEFT, below, wide, TALL)
    axes.set_xlim(first - room, last + room)
    if all((line.x == np.round(line.x)).all() for line in given):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # no half epochs
    if ticks:
        name_x(axes, range(len(ticks)), ticks, at)
    axes.grid(axis="y", visible=True)
    axes.axhline(0.0, color=SOFT, linewidth=0.6)
    return figure, axes


def _wide(axes: Axes) -> float:
    return float(axes.get_position().width) * WIDTH


def _y_limits(given: Sequence[Line], threshold: float | None) -> tuple[float, float]:
    parts = [values for line in given for values in (line.y, line.low, line.high, line.floor) if values is not None]
    every = np.concatenate([*parts, [0.0, 1.0 if threshold is None else threshold]])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    return low - 0.02 * (high - low), high + 0.02 * (high - low)


def _floors(axes: Axes, given: Sequence[Line]) -> None:
    with_floor = [line for line in given if line.floor is not None]
    if not with_floor:
        return
    x = np.concatenate([line.x for line in with_floor])
    floor = np.concatenate([line.floor for line in with_floor if line.floor is not None])
    at = np.unique(x[np.isfinite(floor)])
    here = [floor[(x == position) & np.isfinite(floor)] for position in at]
    if len(with_floor) > 1:
        low, high = [values.min() for values in here], [values.max() for values in here]
        axes.fill_between(at, low, high, color=SOFT, alpha=0.18, linewidth=0)
    axes.plot(at, [values.mean() for values in here], color=SOFT, linestyle=DASHES, linewidth=1.1)


def _line(axes: Axes, line: Line, style: Style, shift: float, threshold: float | None) -> None:
    if line.low is not None and line.high is not None:
        alpha = INTERVAL["alpha"]
        axes.vlines(line.x + shift, line.low, line.high, color=style["color"], linewidth=1.5, alpha=alpha)
    axes.plot(line.x + shift, line.y, **style)
    for first in np.flatnonzero(line.y >= (np.inf if threshold is None else threshold))[:1]:
        axes.plot(line.x[first] + shift, line.y[first], **{**style, **DOT}, zorder=4)


def _graded_styles(count: int) -> list[Style]:
    return [{"color": color, "linewidth": 1.2} for color in mpl.colormaps["viridis"](np.linspace(0, BRIGHTEST, count))]


def _named_styles(count: int) -> list[Style]:
    turns = [divmod(number, len(LINES)) for number in range(count)]
    return [
        {
            "color": LINES[color],
            "marker": MARKERS[(color + turn) % len(MARKERS)],
            "linestyle": STROKES[turn % 2],
            "markersize": 4,
        }
        for turn, color in turns
    ]


def _bar(figure: Figure, axes: Axes, labels: Sequence[str], styles: Sequence[Style], names: float) -> None:
    wide = _wide(axes)
    bar = axes.inset_axes((1 + APART / wide, 0.0, BAR / wide, 1.0))
    colors = ListedColormap([style["color"] for style in styles])
    bar.imshow(np.arange(len(labels))[:, None], cmap=colors, origin="lower", aspect="auto", interpolation="none")
    bar.set_xticks([])
    bar.yaxis.tick_right()
    name_y(bar, range(len(labels)), labels, [(number + 0.5) * TALL / len(labels) for number in range(len(labels))])
    left, bottom = LEFT + wide + APART + BAR + names, axes.get_position().y0 * figure.get_figheight()
    write_upright(figure, left + SPACE, bottom + TALL / 2, "layer, input to output")


def _name(axes: Axes, given: Sequence[Line], styles: Sequence[Style], shifts: Sequence[float]) -> None:
    """Write names right of the axes in the order of the lines' ends, moved apart as little as needed."""
    (left, right), (low, high), wide = axes.get_xlim(), axes.get_ylim(), _wide(axes)
    last = [np.flatnonzero(np.isfinite(line.y))[-1:] for line in given]
    shown = sorted((n for n in range(len(given)) if len(last[n])), key=lambda n: given[n].y[last[n][0]])
    ends = [(given[n].x[last[n][0]] + shifts[n], given[n].y[last[n][0]]) for n in shown]
    steps = LINE * 1.12 * np.arange(len(shown))
    wished = [(y - low) / (high - low) * TALL for _, y in ends]
    moved = isotonic_regression(wished - steps).x if shown else steps
    heights = (np.clip(moved, 0.0, max(0.0, TALL - steps[-1:].sum())) + steps) / TALL
    at, text = 1 + LEADER / wide, 1 + (LEADER + SIGN) / wide
    for n, (x, y), height in zip(shown, ends, heights, strict=True):
        start = (x - left) / (right - left), (y - low) / (high - low)
        whole: Style = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([start[0], at], [start[1], height], color=FRAME, linewidth=0.5, zorder=1, **whole)
        axes.plot([at], [height], **{**styles[n], **whole})
        axes.text(text, height, shortened(given[n].label), va="center", fontsize=SMALL, transform=axes.transAxes)


def _handles(given: Sequence[Line], threshold: float | None, interval: str) -> list[Line2D]:
    handles = []
    if any(line.low is not None and line.high is not None for line in given):
        handles.append(interval_sign(interval))
    floors = sum(line.floor is not None for line in given)
    if floors:
        handles.append(floor_sign())
        handles[-1].set_label("noise floor (permuted images)" + (", mean and range" if floors > 1 else ""))
    if threshold is not None:
        level = {"color": SOFT, "markerfacecolor": SOFT, "linewidth": 0.8, **DOT}
        handles.append(Line2D([], [], label=f"first point at {threshold:g} or above", **level))
    return handles
