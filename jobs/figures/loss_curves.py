"""How many units does a prediction need? Loss of predicting one network's units from the other's, by units used.

Every point is a strength of the L1 penalty: the stronger, the fewer units have a weight. A curve that stays low
toward the left means that few units suffice (Li et al., 2016, arXiv:1511.07543, table 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jobs.figures.curves import DASHES, INTERVAL
from jobs.figures.margins import floor_sign, interval_sign, legend, shortened
from jobs.figures.style import BLUE, INK, SMALL, SOFT, TEXT, VERMILION, WIDTH, canvas, styled

HIGHEST = 2.0  # mean squared error: least squares on few samples goes far above; such points stand at the edge
THIN = 0.8
TICKS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
LEAST_SQUARES: dict[str, Any] = {"color": BLUE, "markersize": 5, "markeredgecolor": INK, "markeredgewidth": 0.8}
REFERENCE: dict[str, Any] = {"color": VERMILION, "markersize": 5, "markerfacecolor": "none", "markeredgewidth": 1.3}
Penalties = Float[np.ndarray, " penalties"]


@dataclass(frozen=True)
class LossPath:
    """Losses of one layer along its penalties, in any order; mean squared errors of unit-variance targets."""

    title: str
    used: Penalties
    """Units used a prediction, mean over predictions."""
    fit_loss: Penalties
    held_out_loss: Penalties
    low: Penalties
    """Ends of the held-out loss's bootstrap interval."""
    high: Penalties
    floor: Penalties
    """The held-out loss with the images of one network permuted."""
    unpenalized: int | None = None
    """Index of least squares, the penalty 0."""
    reference_used: Float[np.ndarray, " points"] | None = None
    """A published path: units used and loss, in the same units."""
    reference_loss: Float[np.ndarray, " points"] | None = None


def loss_curves(paths: Sequence[LossPath], *, reference: str = "published") -> Figure:
    """Held-out and fit loss against units used, one panel a layer on shared axes; the floor is dashed.

    The x axis is logarithmic from 1 unit on and linear below, so that a path that ends at 0 units is shown whole.
    Losses above 2 stand as triangles at the upper edge. `reference` names the published points. Raises ValueError
    for no layers, arrays of different lengths and a reference given by half.
    """
    _check(paths)
    with styled():
        figure, panels = _panels(paths)
        for axes, path in zip(panels, paths, strict=True):
            _path(axes, path)
        _limits(panels[0], paths)
        figure.supxlabel("units used a prediction", fontsize=SMALL)
        figure.supylabel("mean squared error", fontsize=SMALL)
        legend(figure, _handles(paths, reference))
    return figure


def _check(paths: Sequence[LossPath]) -> None:
    if not paths:
        raise ValueError("There are no loss paths to draw; give at least one layer.")
    for path in paths:
        lengths = [len(values) for values in (path.used, path.fit_loss, *_held_out(path))]
        if len(set(lengths)) != 1 or lengths[0] == 0:
            raise ValueError(f"Path {path.title!r} has arrays of {lengths} entries; give one a penalty in each.")
        if path.unpenalized is not None and not 0 <= path.unpenalized < lengths[0]:
            raise ValueError(
                f"Path {path.title!r} marks penalty {path.unpenalized}; give an index in 0-{lengths[0] - 1}."
            )
        points = [None if values is None else len(values) for values in (path.reference_used, path.reference_loss)]
        if points[0] != points[1]:
            raise ValueError(f"Path {path.title!r} has {points} reference units and losses; give as many of both.")


def _held_out(path: LossPath) -> tuple[Penalties, Penalties, Penalties, Penalties]:
    return path.held_out_loss, path.low, path.high, path.floor


def _panels(paths: Sequence[LossPath]) -> tuple[Figure, list[Axes]]:
    count = len(paths)
    columns = count if count < 4 else min((4, 3), key=lambda columns: -count % columns)
    rows = -(-count // columns)
    figure = canvas(0.8 + 1.75 * rows + (0.6 if rows == 1 else 0.0), layout="constrained")
    figure.set_layout_engine("constrained", wspace=0.05, hspace=0.06)
    grid = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_visible(False)
    for column in range(columns):  # the lowest panel of a column carries the numbers of the shared axis
        grid[max(range(column, count, columns))].tick_params(labelbottom=True)
    return figure, grid[:count]


def _path(axes: Axes, path: LossPath) -> None:
    axes.grid(visible=True)
    axes.axhline(1.0, color=SOFT, linewidth=THIN)
    axes.set_title(shortened(path.title, WIDTH / 4, TEXT, bold=True))
    order = np.argsort(path.used, kind="stable")
    used, floor, fit = path.used[order], path.floor[order], path.fit_loss[order]
    axes.plot(used, floor, color=BLUE, linestyle=DASHES, linewidth=1.1)
    axes.plot(used, fit, color=BLUE, linewidth=THIN)
    axes.vlines(path.used, path.low, path.high, color=BLUE, linewidth=INTERVAL["linewidth"], alpha=INTERVAL["alpha"])
    axes.plot(used, path.held_out_loss[order], color=BLUE, marker="o", markersize=3)
    above = path.held_out_loss > HIGHEST
    axes.plot(path.used[above], np.full(above.sum(), HIGHEST), "^", color=BLUE, markersize=5, zorder=4)
    if path.reference_used is not None and path.reference_loss is not None:
        axes.plot(path.reference_used, path.reference_loss, "s", **REFERENCE)
    if path.unpenalized is not None and not above[path.unpenalized]:
        axes.plot(path.used[path.unpenalized], path.held_out_loss[path.unpenalized], "D", **LEAST_SQUARES)


def _limits(axes: Axes, paths: Sequence[LossPath]) -> None:
    used = np.concatenate(
        [path.used for path in paths] + [path.reference_used for path in paths if path.reference_used is not None]
    )
    low, high = float(np.nanmin(used)), float(np.nanmax(used))
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.35)
    axes.set_xlim(0.9 if low >= 1.0 else -0.15, max(high, 1.0) * 1.5)
    steps = TICKS if len(paths) < 3 else [tick for tick in TICKS if not str(tick).startswith("3")]
    ticks = [tick for tick in steps if axes.get_xlim()[0] <= tick <= high * 1.5]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    losses = np.concatenate([values for path in paths for values in (path.fit_loss, *_held_out(path))])
    axes.set_ylim(0.0, 1.04 * min(HIGHEST, float(np.nanmax(losses, initial=1.0))))


def _handles(paths: Sequence[LossPath], reference: str) -> list[Line2D]:
    lines = [
        Line2D([], [], color=BLUE, marker="o", markersize=3, label="held-out images"),
        interval_sign(),
        Line2D([], [], color=BLUE, linewidth=THIN, label="fitted images"),
        floor_sign(),
        Line2D([], [], color=SOFT, linewidth=THIN, label="no correlation"),
    ]
    if any(path.unpenalized is not None for path in paths):
        lines.append(Line2D([], [], linestyle="none", marker="D", label="least squares", **LEAST_SQUARES))
    if any(path.reference_used is not None for path in paths):
        lines.append(Line2D([], [], linestyle="none", marker="s", label=reference, **REFERENCE))
    if any((path.held_out_loss > HIGHEST).any() for path in paths):
        lines.append(Line2D([], [], linestyle="none", color=BLUE, marker="^", label=f"above {HIGHEST:.0f}"))
    return lines
