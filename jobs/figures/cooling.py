"""Cooling as of a glass: how much the weights forget at each temperature, what the loss is there, where they freeze."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.dynamics.cooling import on_ladder
from jobs.figures.log_ticks import plain_ticks
from jobs.figures.style import INK, LINES, MARKERS, SMALL, SOFT, canvas, styled

TALL = 7.4  # inches
SIDE = 0.2


@dataclass(frozen=True)
class Cooling:
    """One rate of cooling."""

    label: str
    """Short, for an axis."""
    name: str
    """For the legend."""
    dwell: int
    """Epochs at each temperature."""
    relaxation: Float[np.ndarray, "seeds temperatures"]
    """Epochs; infinite beyond the dwell."""
    energy: Float[np.ndarray, "seeds temperatures"]
    fluctuation: Float[np.ndarray, "seeds temperatures"]
    transition: Float[np.ndarray, " seeds"]
    """T_g; infinite or 0 where it lies outside the temperatures."""
    final: Float[np.ndarray, " seeds"]
    """Training loss at the end."""
    test: Float[np.ndarray, " seeds"]
    forgotten: Float[np.ndarray, "seeds temperatures"]
    """1 - overlap across the time at each temperature."""
    mobility: Float[np.ndarray, "seeds temperatures"]
    """Over one epoch."""


def cooling(rates: Sequence[Cooling], temperature: Float[np.ndarray, " temperatures"], memory: float) -> Figure:
    """Eight panels and a legend; the last rate may be a control. Raises ValueError for no rates."""
    if not rates:
        raise ValueError("There are no coolings to draw; give at least one rate.")
    with styled():
        figure = canvas(TALL, layout="constrained")
        figure.set_layout_engine("constrained", wspace=0.06, hspace=0.07)
        grid = figure.subplots(3, 3)
        _curves(grid[0, 0], [rate.forgotten for rate in rates], temperature, "What is forgotten", "1 - overlap")
        grid[0, 0].axhline(1 - memory, color=SOFT, linewidth=0.8)
        grid[0, 0].text(temperature[-1], 1 - memory, " relaxed above", fontsize=SMALL, color=SOFT, va="bottom",
                        ha="right")  # fmt: skip
        _curves(grid[0, 1], [rate.relaxation for rate in rates], temperature, "Relaxation time", "epochs")
        for number, rate in enumerate(rates):
            grid[0, 1].axhline(rate.dwell, color=LINES[number % len(LINES)], linewidth=0.8, linestyle="--")
        _dots(grid[0, 2], rates, [rate.transition for rate in rates], "Glass transition", "learning rate T_g")
        _curves(grid[1, 0], [rate.mobility for rate in rates], temperature, "Mobility", "mean-square shift an epoch")
        _curves(grid[1, 1], [rate.energy for rate in rates], temperature, "Energy", "training loss in nats")
        _curves(grid[1, 2], [rate.fluctuation for rate in rates], temperature, "Fluctuation", "of that loss, in nats")
        _dots(grid[2, 0], rates, [rate.final for rate in rates], "Where it ends", "training loss in nats")
        _dots(grid[2, 1], rates, [rate.test for rate in rates], "What it is worth", "test loss in nats")
        grid[2, 2].axis("off")
        grid[2, 2].legend(handles=_handles(rates), loc="center left", frameon=False)
    return figure


def _curves(axes: Axes, every: Sequence[np.ndarray], temperature: np.ndarray, title: str, label: str) -> None:
    axes.grid(axis="y", visible=True)
    for number, values in enumerate(every):
        shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        seen = np.isfinite(shown).any(0)
        axes.plot(temperature, shown.T, color=LINES[number % len(LINES)], linewidth=0.4, alpha=0.4)
        axes.plot(temperature[seen], np.exp(np.nanmean(np.log(shown[:, seen]), 0)), color=LINES[number % len(LINES)],
                  marker=MARKERS[number % len(MARKERS)], markersize=3)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="learning rate, falling", ylabel=label)
    axes.set_title(title)
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)
    axes.invert_xaxis()


def _dots(axes: Axes, rates: Sequence[Cooling], every: Sequence[np.ndarray], title: str, label: str) -> None:
    axes.grid(axis="y", visible=True)
    for number, values in enumerate(every):
        color, values = LINES[number % len(LINES)], values[on_ladder(values)]
        axes.plot(np.full(len(values), number), values, MARKERS[number % len(MARKERS)], color=color, markersize=3.5,
                  alpha=0.7)  # fmt: skip
        if len(values):
            axes.plot(number + SIDE, np.exp(np.log(values).mean()), "D", color=INK, markersize=4)
        else:
            axes.text(number, 0.5, "none", transform=axes.get_xaxis_transform(), ha="center", fontsize=SMALL)
    axes.set_yscale("log")
    axes.set_xlim(-0.5, len(rates) - 0.5 + SIDE)
    axes.set_xticks(range(len(rates)), [rate.label for rate in rates], fontsize=SMALL)
    axes.set(xlabel="epochs at each temperature", ylabel=label)
    axes.set_title(title)
    plain_ticks(axes.yaxis)


def _handles(rates: Sequence[Cooling]) -> list[Line2D]:
    lines = [
        Line2D([], [], color=LINES[number % len(LINES)], marker=MARKERS[number % len(MARKERS)], markersize=3.5,
               label=rate.name)
        for number, rate in enumerate(rates)
    ]  # fmt: skip
    mean = Line2D([], [], color=INK, marker="D", markersize=4, linestyle="none", label="mean over seeds (of logs)")
    return [*lines, mean]
