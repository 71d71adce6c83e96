"""How many circuits explain a target, and does it hang on one input? A row a network, three panels each.

Left the number of formulas against inputs, on a logarithmic scale; in the middle the held-out fidelity of every circuit
that was judged, beside that of the circuit that was chosen without them; right what is left of the drawn circuit's
without each of its inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from jobs.figures.margins import key, key_height, place, shortened, write
from jobs.figures.style import BLUE, FRAME, GREEN, INK, ORANGE, SKY, SOFT, TEXT, VERMILION, canvas, styled

MARGIN = 0.1  # inches
TITLE, FOOT = 0.5, 0.52  # inches above and below the panels of a row
PANEL, INPUT = 1.5, 0.2  # inches: height of a panel, and of an input in the right one at least
LEFTS, WIDTHS = (0.72, 2.98, 5.52), (1.48, 1.5, 1.58)  # inches of the three panels
NAME = 0.9  # inches for an input's name
FAR = 0.05
"""Share of the axis that is left free beside the least and the greatest score."""
REMEDIES = (("always off", "s", VERMILION), ("formula of the others", "^", ORANGE), ("best of the pool", "o", GREEN))


@dataclass(frozen=True, eq=False)
class Circuits:
    """One target in one network."""

    title: str
    inputs: Int[np.ndarray, " counts"]
    minimum: Float[np.ndarray, "orders counts"]
    """Formulas of least cost, of the first inputs of each of several orders."""
    irredundant: Float[np.ndarray, "orders counts"]
    """Formulas that could lose no term."""
    scores: Float[np.ndarray, " circuits"]
    """Of every circuit that was judged on held-out images, best first."""
    chosen: float
    """Of the circuit that is best on other images, of all rows: the largest of `scores` would be the luckiest."""
    near: float
    """How far below this a circuit counts as one of the best."""
    whole: float
    """Score of the drawn circuit."""
    names: Sequence[str]
    """Of its inputs."""
    ablated: Float[np.ndarray, "inputs 3"]
    """Its score without each: the input always off, the formula of the others, the best of the pool; NaN for none."""


def circuits(shown: Sequence[Circuits], score: str) -> Figure:
    """`score` is what fidelity is called. ValueError for nothing to draw."""
    if not shown:
        raise ValueError("There are no circuits to draw; give those of at least one network.")
    signs = _signs()
    every = np.concatenate([np.append(one.ablated.ravel(), [one.scores[0], one.whole]) for one in shown])
    highest = max(float(one.irredundant.max()) for one in shown)
    talls = [max(PANEL, INPUT * len(one.names)) for one in shown]
    with styled():
        figure = canvas(key_height(signs, MARGIN) + sum(talls) + (TITLE + FOOT) * len(shown))
        key(figure, signs, MARGIN)
        top = figure.get_figheight() - key_height(signs, MARGIN)
        for one, tall in zip(shown, talls, strict=True):
            bottom = top - TITLE - tall
            write(figure, MARGIN, top - 0.16, one.title, fontsize=TEXT, fontweight="bold")
            left, middle, right = (
                place(figure, at, bottom, wide, tall) for at, wide in zip(LEFTS, WIDTHS, strict=True)
            )
            _counts(left, one, highest)
            _scores(middle, one, score)
            _ablations(right, one, _span(every), score)
            top = bottom - FOOT
    return figure


def _counts(axes: Axes, one: Circuits, highest: float) -> None:
    axes.set_title(f"formulas of {len(one.minimum)} sets", fontweight="normal", color=SOFT)
    for values, color, beside in ((one.irredundant, SKY, 0.12), (one.minimum, BLUE, -0.12)):
        at = np.broadcast_to(one.inputs + beside, values.shape)
        axes.plot(at.ravel(), values.ravel(), marker="o", color=color, ms=3, alpha=0.45, mew=0, linestyle="none")
        axes.plot(one.inputs + beside, values.mean(0), color=color)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(_counted))
    axes.minorticks_off()
    axes.set(xticks=one.inputs, xlabel="inputs", ylabel="formulas", ylim=(0.7, max(10.0, highest) * 1.6))
    axes.grid(axis="y", visible=True)


def _scores(axes: Axes, one: Circuits, score: str) -> None:
    within = int((one.scores >= one.chosen - one.near - 1e-12).sum())
    title = f"{within:,} of {len(one.scores):,} within {100 * one.near:g} % of chosen"
    axes.set_title(title, fontweight="normal", color=SOFT)
    low, high = _span(np.append(one.scores, one.chosen))
    axes.axhspan(one.chosen - one.near, high, color=GREEN, alpha=0.18, linewidth=0)
    axes.axhline(one.chosen, color=GREEN, linewidth=1.0)
    axes.plot(np.arange(1, len(one.scores) + 1), one.scores, color=BLUE)
    axes.set(xscale="log", xlim=(0.9, max(10, len(one.scores)) * 1.1), ylim=(low, high))
    axes.xaxis.set_major_formatter(FuncFormatter(_counted))
    axes.minorticks_off()
    axes.set(xlabel="circuit, best first", ylabel=score)
    axes.grid(axis="y", visible=True)


def _ablations(axes: Axes, one: Circuits, limits: tuple[float, float], score: str) -> None:
    axes.set_title("one input taken away", fontweight="normal", color=SOFT)
    places = np.arange(len(one.names))
    axes.axvline(one.whole, color=INK, linewidth=1.0)
    axes.hlines(places, *limits, color=FRAME, linewidth=0.4, zorder=1)
    for (_, marker, color), values in zip(REMEDIES, one.ablated.T, strict=True):
        axes.plot(values, places, **_mark(marker, color), zorder=3, clip_on=False)
    axes.set_yticks(places, [shortened(name, NAME) for name in one.names])
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(len(places) - 0.5, -0.5), xlim=limits, xlabel=score)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.spines["left"].set_visible(False)


def _counted(count: float, _place: int) -> str:
    return f"{count:,.0f}" if count < 10_000 else f"{count:.0e}".replace("e+0", "e")


def _span(values: np.ndarray) -> tuple[float, float]:
    held = values[np.isfinite(values)]
    low, high = float(held.min()), float(held.max())
    spare = max(FAR * (high - low), 0.005)
    return low - spare, high + spare


def _mark(marker: str, color: str) -> dict[str, Any]:
    """Hollow squares, so that a triangle at the same place shows."""
    hollow = marker == "s"
    return {
        "marker": marker, "mec": color, "mfc": "none" if hollow else color, "ms": 7 if hollow else 4.5,
        "linestyle": "none",
    }  # fmt: skip


def _signs() -> list[Line2D]:
    def dot(color: str, label: str) -> Line2D:
        return Line2D([], [], color=color, label=label, marker="o", markersize=3.5)

    return [
        dot(BLUE, "minimum formulas, mean"), dot(SKY, "irredundant ones, mean"),
        *(Line2D([], [], label=label, **_mark(marker, color)) for label, marker, color in REMEDIES),
        Line2D([], [], color=INK, linewidth=1.0, label="whole circuit"),
        Line2D([], [], color=GREEN, linewidth=1.0, label="chosen by fit"),
    ]  # fmt: skip
