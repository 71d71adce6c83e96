"""Shares of several groups beside what chance would give: a dot with its interval, a short line for the control.

Groups stand one below another, so that their names can be read (Cleveland & McGill, 1984, on dot charts).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jobs.figures.curves import INTERVAL
from jobs.figures.margins import LINE, SPACE, interval_sign, key, key_height, place, shortened, widest, write
from jobs.figures.style import LINES, MARKERS, SOFT, WIDTH, canvas, styled

STEP, LEAST = 0.22, 0.08  # inches from one group to the next, at least, and from one series to the next
EDGE, LABEL = 0.12, 0.20  # inches: the right edge, and a line of text under the axis
Values = Float[np.ndarray, " groups"]


@dataclass(frozen=True)
class Dots:
    """One value of every group, with its interval; NaN leaves a group empty."""

    label: str
    values: Values
    low: Values
    high: Values


@dataclass(frozen=True)
class Control:
    """What is expected without what the values show, of every group."""

    label: str
    values: Values


def dots(
    groups: Sequence[str], given: Sequence[Dots], controls: Sequence[Control], *, x_label: str, interval: str
) -> Figure:
    """Shares from 0 to 1, the first group on top; `interval` says what the thin lines are.

    Raises ValueError for no groups or dots, and where a series does not hold one value a group.
    """
    _check(groups, given, controls)
    left = SPACE + widest(groups) + SPACE
    with styled():
        handles = _handles(given, controls, interval)
        below, tall = LABEL + LINE + SPACE, max(STEP, LEAST * (len(given) + 1)) * len(groups)
        figure = canvas(key_height(handles, left) + SPACE + tall + below)
        axes = place(figure, left, below, WIDTH - left - EDGE, tall)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(groups) - 0.5, -0.5))
        axes.set_yticks(range(len(groups)), [shortened(group) for group in groups])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="both", visible=True)
        for number, control in enumerate(controls):
            _control(axes, control, number)
        for number, one in enumerate(given):
            _dots(axes, one, number, len(given))
        write(figure, left + (WIDTH - left - EDGE) / 2, LABEL / 2, x_label, ha="center")
        key(figure, handles, left)
    return figure


def _check(groups: Sequence[str], given: Sequence[Dots], controls: Sequence[Control]) -> None:
    if not groups or not given:
        raise ValueError("There are no dots to draw; give at least one group and one series.")
    every: list[Dots | Control] = [*given, *controls]
    for one in every:
        lengths = {len(values) for values in vars(one).values() if isinstance(values, np.ndarray)}
        if lengths != {len(groups)}:
            raise ValueError(f"Series {one.label!r} does not hold one value for each of the {len(groups)} groups.")


def _dots(axes: Axes, one: Dots, number: int, count: int) -> None:
    at = np.arange(len(one.values)) + (number - (count - 1) / 2) * min(LEAST / STEP, 1 / (count + 1))
    axes.hlines(at, one.low, one.high, color=LINES[number % len(LINES)], **INTERVAL)  # type: ignore[arg-type]
    axes.plot(one.values, at, **_dot(number))


def _dot(number: int) -> dict[str, Any]:
    return {
        "color": LINES[number % len(LINES)], "marker": MARKERS[number % len(MARKERS)], "markersize": 4.5,
        "linestyle": "none",
    }  # fmt: skip


def _control(axes: Axes, control: Control, number: int) -> None:
    at = np.arange(len(control.values))
    axes.plot(control.values, at, **_line(number))


def _line(number: int) -> dict[str, Any]:
    """A short upright line; the second control is thinner."""
    width = 1.6 if number == 0 else 0.8
    return {"color": SOFT, "marker": "|", "markersize": 9, "markeredgewidth": width, "linestyle": "none"}


def _handles(given: Sequence[Dots], controls: Sequence[Control], interval: str) -> list[Line2D]:
    handles = [Line2D([], [], label=one.label, **_dot(number)) for number, one in enumerate(given)]
    handles.append(interval_sign(interval))
    lines = [Line2D([], [], label=one.label, **_line(number)) for number, one in enumerate(controls)]
    return [*handles, *lines]
