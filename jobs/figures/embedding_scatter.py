"""Points in the plane by several methods side by side: one color a group, its name where its points lie.

A map's coordinates mean nothing, so there are no axes; every panel fills its square. Ten colors: Tol's muted scheme
(Tol, 2021, "Colour schemes"), whose pale gray is left to points of no group, and black.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from jobs.figures.style import FRAME, INK, SMALL, SOFT, WIDTH, canvas, styled

GROUPS = (
    "#332288", "#88ccee", "#117733", "#ddcc77", "#cc6677", "#882255", "#44aa99", "#aa4499", "#999933", "#1a1a1a",
)  # fmt: skip
NO_GROUP = "#c8ccd0"
GAP = 0.1  # inches between panels
TITLE = 0.44  # inches above a panel: the method and a line of numbers
LEGEND_ROW = 0.2  # inches
MARGIN = 0.05  # inches
LABEL: dict[str, Any] = {
    "ha": "center", "va": "center", "fontsize": SMALL, "fontweight": "bold", "color": INK, "zorder": 5,
}  # fmt: skip


def no_pairs() -> Int[np.ndarray, "pairs 2"]:
    """Nothing is joined."""
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True)
class Scatter:
    """One map."""

    title: str
    note: str
    """A line below the title."""
    y: Float[np.ndarray, "points 2"]
    groups: Int[np.ndarray, " points"]
    """Number of the point's group; -1 for none."""
    placed: Bool[np.ndarray, " points"]
    """Points that were placed in the finished map: drawn as rings."""
    joined: Int[np.ndarray, "pairs 2"] = field(default_factory=no_pairs)
    """Pairs of points with a line between them,"""
    strength: Float[np.ndarray, " pairs"] = field(default_factory=lambda: np.empty(0))
    """the darker the stronger: 0 is none, 1 is full."""


def scatters(panels: Sequence[Scatter], groups: Sequence[str], *, labeled: bool = True) -> Figure:
    """All maps, two to a row, or three where there are more than four.

    `labeled`: write each group's name at the median of its points, beside the legend.

    ValueError for no maps, and for more groups than there are colors.
    """
    if not panels:
        raise ValueError("There are no maps to draw; give at least one.")
    if len(groups) > len(GROUPS):
        raise ValueError(f"{len(groups)} groups are to be told apart and there are {len(GROUPS)} colors; join some.")
    columns = 3 if len(panels) > 4 else min(2, len(panels))
    side = (WIDTH - 2 * MARGIN - (max(2, columns) - 1) * GAP) / max(2, columns)
    rows = -(-len(panels) // columns)
    with styled():
        entries, across = _entries(panels, groups), 6 if max(map(len, groups), default=0) <= 11 else 3
        figure = canvas(rows * (side + TITLE) + -(-len(entries) // across) * LEGEND_ROW + 2 * MARGIN)
        for number, panel in enumerate(panels):
            row, column = divmod(number, columns)
            axes = _axes(figure, MARGIN + column * (side + GAP), (row + 1) * (side + TITLE), side)
            _draw(axes, panel)
            if labeled:
                _label(axes, panel, groups)
        figure.legend(
            handles=entries, loc="lower left", ncol=across, borderpad=0.1, borderaxespad=0.2, columnspacing=1.2,
            handletextpad=0.3, handlelength=1.2, labelspacing=0.35, bbox_to_anchor=(0, 0),
        )  # fmt: skip
    return figure


def _axes(figure: Figure, left: float, below: float, side: float) -> Axes:
    """A square at so many inches from the left, that ends so many below the top."""
    wide, tall = figure.get_size_inches()
    axes = figure.add_axes((left / wide, 1 - below / tall, side / wide, side / tall))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FRAME, linewidth=0.5)
    return axes


def _draw(axes: Axes, panel: Scatter) -> None:
    """The square that holds all points but the outermost thousandth, which stay at its border."""
    low, high = np.quantile(panel.y, [0.001, 0.999], axis=0)
    half = 0.53 * max((high - low).max(), 1e-12)
    middle = (low + high) / 2
    y = np.clip(panel.y, middle - half * 0.995, middle + half * 0.995)
    size = float(np.clip(4000 / len(y), 1.2, 14))  # square points
    if len(panel.joined):
        lines = [to_rgba(INK, alpha) for alpha in 0.6 * np.clip(panel.strength, 0, 1) ** 2]
        axes.add_collection(LineCollection(list(y[panel.joined]), colors=lines, linewidths=0.5, zorder=1))
    colors = np.array([NO_GROUP, *GROUPS])[panel.groups + 1]
    # In an order of their own, so that no group covers the others because it comes last.
    order = np.random.default_rng(0).permutation(len(y))
    for placed in (False, True):
        some = order[panel.placed[order] == placed]
        faces = "none" if placed else colors[some]
        axes.scatter(
            y[some, 0], y[some, 1], s=size * (1.5 if placed else 1.0), c=faces, zorder=2,
            edgecolors=colors[some] if placed else "none", linewidths=0.6 if placed else 0.0,
        )  # fmt: skip
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.set_title(panel.title, pad=17)
    axes.text(0, 1.012, panel.note, transform=axes.transAxes, va="bottom", fontsize=SMALL, color=SOFT)


def _label(axes: Axes, panel: Scatter, groups: Sequence[str]) -> None:
    """Names at medians, with a white halo; those that would overlap are pushed apart."""
    halo = [withStroke(linewidth=2.6, foreground="white")]
    texts = []
    for number, name in enumerate(groups):
        if (panel.groups == number).any():
            x, y = np.median(panel.y[panel.groups == number], axis=0)
            texts.append(axes.text(x, y, name, path_effects=halo, **LABEL))
    if not texts:
        return
    assert isinstance(axes.figure.canvas, FigureCanvasAgg)
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    boxes = np.array([text.get_window_extent(renderer).extents for text in texts])
    centers = apart((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], np.array(frame.extents))
    for text, place in zip(texts, axes.transData.inverted().transform(centers), strict=True):
        text.set_position(place)


def apart(
    centers: Float[np.ndarray, "boxes 2"], sizes: Float[np.ndarray, "boxes 2"], frame: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "boxes 2"]:
    """Centers of boxes pushed from each other, the shorter way, until none overlap; inside a frame x0, y0, x1, y1."""
    centers = centers.astype(np.float64)
    low, high = frame[:2] + sizes / 2 + 1, frame[2:] - sizes / 2 - 1
    for _ in range(500):
        centers = np.clip(centers, low, high)
        between = centers[:, None] - centers[None]
        overlap = (sizes[:, None] + sizes[None]) / 2 + 1 - np.abs(between)
        touching = (overlap > 0).all(2) & ~np.eye(len(centers), dtype=bool)
        if not touching.any():
            break
        first, second = (int(found) for found in np.argwhere(touching)[0])
        axis = int(overlap[first, second].argmin())
        step = (overlap[first, second, axis] + 1) / 2 * (1 if between[first, second, axis] >= 0 else -1)
        centers[first, axis] += step
        centers[second, axis] -= step
    return centers


def _entries(panels: Sequence[Scatter], groups: Sequence[str]) -> list[Line2D]:
    """What the legend explains: only what is drawn."""
    dot: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 4.5}
    entries = [
        Line2D([], [], color=color, mew=0, label=name, **dot) for color, name in zip(GROUPS, groups, strict=False)
    ]
    if any((panel.groups < 0).any() for panel in panels):
        entries.append(Line2D([], [], color=NO_GROUP, mew=0, label="others", **dot))
    if any(panel.placed.any() for panel in panels):
        entries.append(Line2D([], [], mfc="none", mec=INK, mew=0.8, label="placed", **dot))
    if any(len(panel.joined) for panel in panels):
        entries.append(Line2D([], [], color=SOFT, lw=0.8, label="match, darker: stronger"))
    return entries
