"""Does what is predicted come true as often? A reliability diagram for every model (Guo et al., 2017, fig. 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.boolean.calibration import Reliability
from jobs.figures.curves import DASHES, INTERVAL
from jobs.figures.margins import interval_sign, key, key_height, place
from jobs.figures.style import BLUE, SKY, SMALL, SOFT, WIDTH, canvas, styled

COLUMNS = 3
MARGIN = 0.1  # inches
LARGEST = 2.6  # inches of a square diagram
LEFT, TITLE, GAP, NUMBERS, FOOT = 0.62, 0.48, 0.14, 0.6, 0.5  # inches around it
EDGES = (-0.02, 1.02)
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Model:
    """One model's predictions on held-out images."""

    title: str
    reliability: Reliability


def reliability_diagram(models: Sequence[Model]) -> Figure:
    """One panel a model: how often predictions came true against what was predicted, and below how many there were.

    Below each name the expected calibration error and the Brier score, the mean squared error. Predictions that are too
    sure lie below the dashed line on the right and above it on the left. ValueError for no models, and for one without
    images.
    """
    if not models:
        raise ValueError("There are no predictions to draw; give at least one model.")
    for model in models:
        if not model.reliability.images.any():
            raise ValueError(f"{model.title} has predicted no image; leave it out.")
    columns = min(COLUMNS, len(models))
    side = min(LARGEST, (WIDTH - 2.5 * MARGIN) / columns - LEFT)
    ideal = Line2D([], [], color=SOFT, linestyle=DASHES, linewidth=1.1, label="as predicted")
    dot = Line2D([], [], color=BLUE, marker="o", markersize=4.5, label="observed, by bin")
    signs = [dot, interval_sign("95 % interval (Wilson)"), ideal]
    row_tall = TITLE + side + GAP + NUMBERS + FOOT
    with styled():
        figure = canvas(key_height(signs, MARGIN) + -(-len(models) // columns) * row_tall)
        key(figure, signs, MARGIN)
        for number, model in enumerate(models):
            row, column = divmod(number, columns)
            left = MARGIN + column * (LEFT + side) + LEFT - MARGIN
            bottom = figure.get_figheight() - key_height(signs, MARGIN) - TITLE - side - row * row_tall
            upper = place(figure, left, bottom, side, side)
            lower = place(figure, left, bottom - GAP - NUMBERS, side, NUMBERS)
            _points(upper, model)
            _numbers(lower, model.reliability)
            if column == 0:
                upper.set_ylabel("share that came true")
                lower.set_ylabel("images")
    return figure


def _points(axes: Axes, model: Model) -> None:
    found = model.reliability
    held = found.images > 0
    low, high = found.interval()
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle=DASHES, linewidth=1.1)
    axes.vlines(found.mean_predicted()[held], low[held], high[held], color=BLUE, **INTERVAL)  # type: ignore[arg-type]
    axes.plot(found.mean_predicted()[held], found.share()[held], color=BLUE, marker="o", markersize=4.5, linewidth=1.2)
    axes.set(xlim=EDGES, ylim=EDGES, xticks=TICKS, yticks=TICKS)
    axes.tick_params(labelbottom=False)
    axes.grid(visible=True)
    axes.set_title(model.title, pad=16)
    errors = f"ECE {found.expected_error():.3f}, Brier {found.brier():.3f}"
    axes.text(0, 1.02, errors, fontsize=SMALL, color=SOFT, transform=axes.transAxes)


def _numbers(axes: Axes, found: Reliability) -> None:
    bins = len(found.images)
    axes.bar((np.arange(bins) + 0.5) / bins, found.images, width=0.92 / bins, color=SKY, linewidth=0)
    most = int(found.images.max())
    axes.set(xlim=EDGES, ylim=(0, most * 1.08), xticks=TICKS, yticks=[0, most], xlabel="predicted probability")
