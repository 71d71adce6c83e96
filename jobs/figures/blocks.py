"""Correlations among the units of two networks in blocks: groups found jointly, and which network each unit is from.

A group of units from both networks is a subspace that both learned; one of units from one network is its own (Li et
al., 2016, arXiv:1511.07543, on many-to-many mappings).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from jobs.figures.margins import (
    COLOR_BAR,
    LINE,
    SPACE,
    apart,
    color_bar,
    inches,
    place,
    shortened,
    square,
    write,
    write_upright,
)
from jobs.figures.style import INK, LINES, bare, canvas, color_map, styled

SIDE = 5.6  # inches of the matrix
STRIP, GAP = 0.10, 0.03  # inches: the strip that says which network, and the white between it and the matrix
LEFT = 0.50  # inches for the numbers of the groups and their label
TOP = 0.26  # inches for the names of the networks


def block_matrix(
    values: Float[np.ndarray, "units units"],
    boundaries: Sequence[int],
    sides: Int[np.ndarray, " units"],
    names: tuple[str, str],
    limits: tuple[float, float],
    color_label: str,
) -> Figure:
    """The matrix with thin lines between groups; a strip along both axes is colored by network.

    Units of both networks stand group by group; `boundaries` are the first units of all groups but the first,
    ascending, and `sides` is 0 for a unit of `names[0]` and 1 for one of `names[1]`. Groups are numbered from 1;
    where they are too thin for all numbers, some go without. NaN is gray. Raises ValueError for another shape, for
    boundaries out of order and for other sides.
    """
    _check(values, boundaries, sides)
    foot = COLOR_BAR + SPACE + LINE
    with styled():
        figure = canvas(TOP + STRIP + GAP + SIDE + foot)
        left = LEFT + STRIP + GAP
        _matrix(place(figure, left, foot, SIDE, SIDE), values, boundaries, limits)
        rows = place(figure, LEFT, foot, STRIP, SIDE)
        _strip(rows, sides[:, None])
        _strip(place(figure, left, foot + SIDE + GAP, SIDE, STRIP), sides[None, :])
        _number(rows, boundaries, len(values))
        write_upright(figure, 0.06, foot + SIDE / 2, "group")
        for name, color in zip((shortened(name, SIDE / 2 - 0.5) for name in names), LINES, strict=False):
            square(figure, left, figure.get_figheight() - 0.2, color)
            write(figure, left + 0.18, figure.get_figheight() - 0.145, name)
            left += 0.18 + inches(name) + 0.25
        undefined = "undefined: the unit is (almost) constant" if np.isnan(values).any() else ""
        color_bar(figure, LEFT + STRIP + GAP, limits, color_label, undefined)
    return figure


def _check(values: np.ndarray, boundaries: Sequence[int], sides: np.ndarray) -> None:
    if values.ndim != 2 or len(values) == 0 or values.shape != (len(sides), len(sides)):
        raise ValueError(f"The matrix has shape {values.shape} for {len(sides)} sides; give one row and column a unit.")
    edges = [0, *boundaries, len(values)]
    if any(right <= left for left, right in pairwise(edges)):
        raise ValueError(f"Boundaries {list(boundaries)} do not ascend inside 0-{len(values)}; give first units.")
    if not np.isin(sides, (0, 1)).all():
        raise ValueError(f"Sides hold {sorted(set(sides.tolist()))}; 0 and 1 were expected, one a unit.")


def _matrix(axes: Axes, values: np.ndarray, boundaries: Sequence[int], limits: tuple[float, float]) -> None:
    # As in other matrices: up to 256 cells an SVG keeps them sharp, above it what is smaller than a pixel is smoothed.
    sharp = "none" if len(values) <= 256 else "auto"
    axes.imshow(values, cmap=color_map(limits), vmin=limits[0], vmax=limits[1], aspect="auto", interpolation=sharp)
    for edge in boundaries:
        axes.axhline(edge - 0.5, color=INK, linewidth=0.4)
        axes.axvline(edge - 0.5, color=INK, linewidth=0.4)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set(xticks=[], yticks=[])


def _strip(axes: Axes, sides: np.ndarray) -> None:
    axes.imshow(sides, cmap=ListedColormap(LINES[:2]), vmin=0, vmax=1, aspect="auto", interpolation="none")
    bare(axes)


def _number(axes: Axes, boundaries: Sequence[int], units: int) -> None:
    edges = np.array([0, *boundaries, units])
    middles = (edges[:-1] + edges[1:] - 1) / 2
    kept = apart((middles * SIDE / units).tolist(), LINE)
    axes.set_yticks(middles[kept], [str(group + 1) for group in kept])
    axes.tick_params(axis="y", length=0)
