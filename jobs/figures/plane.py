"""A net on two inputs, drawn in their plane: the classes it gives, the lines of its hidden units, what it learned from.

The color is the class, the stronger the surer the net; the bold curve parts the classes. It bends where it meets the
line of a hidden unit and nowhere else, since between the lines the net is affine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jobs.figures.style import FRAME, INK, LINES, SMALL, TEXT, WIDTH, canvas, styled

COLUMNS = 6
GAP = 0.09  # inches between panes
TITLE = 0.21  # inches above a pane
LEGEND = 0.3  # inches below all
FRAME_SIDE = 3.6  # inches: a pane of an animation
UNSURE, SURE = 0.14, 0.5  # share of its color that a class takes where the net is undecided, and where it is certain
NAMED = 4  # classes: more are not named in the legend


@dataclass(frozen=True)
class Pane:
    """One moment of one net; `box` is left, right, bottom, top."""

    title: str
    note: str
    """Stands in the lower right corner."""
    box: tuple[float, float, float, float]
    lines: Float[np.ndarray, "units 2 2"]
    """Both ends (x, y) of every line; NaN for one outside the box."""
    regions: Int[np.ndarray, "rows columns"]
    """Class in every cell; y rises with rows."""
    probabilities: Float[np.ndarray, "rows columns classes"]
    points: Float[np.ndarray, "points 2"]
    labels: Int[np.ndarray, " points"]


def plane_panes(panes: Sequence[Pane]) -> Figure:
    """All panes in rows of six at most, as equal as can be. ValueError for no panes."""
    if not panes:
        raise ValueError("There are no panes to draw; give at least one.")
    rows = -(-len(panes) // COLUMNS)
    columns = -(-len(panes) // rows)
    side = min((WIDTH - GAP * (columns + 1)) / columns, FRAME_SIDE)
    with styled():
        figure = canvas(rows * (side + TITLE) + (rows - 1) * GAP + LEGEND)
        for number, pane in enumerate(panes):
            row, column = divmod(number, columns)
            top = figure.get_figheight() - TITLE - row * (side + TITLE + GAP)
            _draw(figure, pane, GAP + column * (side + GAP), top - side, side, scale=1.0)
        _legend(figure, panes[0])
    return figure


def plane_frame(pane: Pane) -> Figure:
    """One pane alone, for an animation; all frames have one size."""
    with styled():
        figure = canvas(FRAME_SIDE + TITLE + GAP)
        figure.set_figwidth(FRAME_SIDE + 2 * GAP)
        _draw(figure, pane, GAP, GAP, FRAME_SIDE, scale=2.2)
    return figure


def _draw(figure: Figure, pane: Pane, left: float, bottom: float, side: float, scale: float) -> None:
    """A square pane at a place in inches; `scale` widens points and lines."""
    size = figure.get_size_inches()
    axes = figure.add_axes((left / size[0], bottom / size[1], side / size[0], side / size[1]))
    axes.imshow(_tinted(pane), origin="lower", extent=pane.box, interpolation="bilinear", aspect="auto", zorder=0)
    axes.add_collection(LineCollection(list(pane.lines), colors=INK, linewidths=0.45 * scale, alpha=0.6, zorder=1))
    for label in np.unique(pane.labels):
        x, y = pane.points[pane.labels == label].T
        axes.plot(x, y, "o", color=_color(label), ms=1.5 * scale, mec="white", mew=0.15 * scale, zorder=2)
    _boundaries(axes, pane, 1.1 * scale)
    axes.set(xlim=pane.box[:2], ylim=pane.box[2:], xticks=[], yticks=[])
    axes.set_title(pane.title, fontsize=SMALL if scale == 1 else TEXT)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FRAME)
    back = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2}
    inset = 0.04 / side
    axes.text(
        1 - inset, inset, pane.note, transform=axes.transAxes, ha="right", va="bottom", fontsize=SMALL, bbox=back
    )  # fmt: skip


def _boundaries(axes: Axes, pane: Pane, width: float) -> None:
    """Where the likeliest class changes."""
    left, right, bottom, top = pane.box
    rows, columns, classes = pane.probabilities.shape
    x = left + (np.arange(columns) + 0.5) / columns * (right - left)
    y = bottom + (np.arange(rows) + 0.5) / rows * (top - bottom)
    for label in range(classes if classes > 2 else 1):
        others = np.delete(pane.probabilities, label, axis=2).max(axis=2, initial=0)
        lead = pane.probabilities[:, :, label] - others
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead, levels=[0], colors=INK, linewidths=width, zorder=3)


def _tinted(pane: Pane) -> Float[np.ndarray, "rows columns 3"]:
    """The color of each cell's class over white, by how sure the net is."""
    classes = pane.probabilities.shape[2]
    surest = np.take_along_axis(pane.probabilities, pane.regions[:, :, None].astype(np.int64), axis=2)
    certain = np.clip((surest - 1 / classes) / (1 - 1 / classes), 0, 1) if classes > 1 else np.ones_like(surest)
    share = UNSURE + (SURE - UNSURE) * certain
    colors = np.array([to_rgb(_color(label)) for label in range(classes)])
    return 1 - share * (1 - colors[pane.regions])


def _color(label: int) -> str:
    return LINES[label % len(LINES)]


def _legend(figure: Figure, pane: Pane) -> None:
    classes = pane.probabilities.shape[2]
    entries = [
        Line2D([], [], color=_color(label), marker="o", ms=4, mec="white", mew=0.3, ls="none", label=f"class {label}")
        for label in range(classes if classes <= NAMED else 0)
    ]
    entries.append(Line2D([], [], color=INK, lw=0.6, alpha=0.7, label="line of a hidden unit"))
    entries.append(Line2D([], [], color=INK, lw=1.4, label="decision boundary"))
    figure.legend(handles=entries, loc="lower left", ncol=len(entries), borderpad=0.2, bbox_to_anchor=(0, 0))
