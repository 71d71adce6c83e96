"""Where shared values lie among the weights they stand for: density and cumulative distribution of a layer's weights,
the values of each start, after k-means, and after training (Han et al., 2016, arXiv:1510.00149, fig. 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.margins import LINE, SPACE, place, widest, write
from jobs.figures.style import FRAME, LINES, SOFT, WIDTH, canvas, styled

DENSITY, CUMULATIVE, ROW, LABEL, EDGE, GAP = 1.5, 1.2, 0.2, 0.20, 0.1, 0.12  # inches
LEFT = 0.6


@dataclass(frozen=True)
class Codebooks:
    """One layer; a row of values each, NaN where there is none."""

    counts: Int[np.ndarray, " bins"]
    edges: Float[np.ndarray, " edges"]
    rows: Sequence[tuple[str, Float[np.ndarray, " values"]]]


def codebooks(given: Codebooks) -> Figure:
    """Density above, cumulative distribution below it, and a line of ticks for every row of values."""
    if not given.rows:
        raise ValueError("There are no shared values to draw; give at least one row.")
    left = max(LEFT, SPACE + widest([name for name, _ in given.rows]) + SPACE)
    wide, rows = WIDTH - left - EDGE, ROW * len(given.rows) + SPACE
    below = LABEL + LINE + SPACE
    with styled():
        figure = canvas(below + rows + GAP + CUMULATIVE + GAP + DENSITY + SPACE)
        middles, widths = (given.edges[1:] + given.edges[:-1]) / 2, np.diff(given.edges)
        density = given.counts / given.counts.sum() / widths
        top = place(figure, left, below + rows + 2 * GAP + CUMULATIVE, wide, DENSITY)
        top.bar(middles, density, widths, color=FRAME)
        top.set_ylabel("density")
        second = place(figure, left, below + rows + GAP, wide, CUMULATIVE)
        second.step(given.edges[1:], np.cumsum(given.counts) / given.counts.sum(), color=SOFT, where="pre")
        second.set(ylabel="cumulative", ylim=(0, 1))
        third = place(figure, left, below, wide, rows)
        for number, (_, values) in enumerate(given.rows):
            color = LINES[(number // 2) % len(LINES)]
            third.vlines(values[~np.isnan(values)], number - 0.35, number + 0.35, color=color, linewidth=1.2)
        third.set_yticks(range(len(given.rows)), [name for name, _ in given.rows])
        third.set_ylim(len(given.rows) - 0.5, -0.5)
        third.tick_params(axis="y", length=0)
        _same_x((top, second, third), given)
        write(figure, left + wide / 2, LABEL / 2, "weight", ha="center")
    return figure


def _same_x(axes: Sequence[Axes], given: Codebooks) -> None:
    values = np.concatenate([row for _, row in given.rows])
    low, high = min(given.edges[0], np.nanmin(values)), max(given.edges[-1], np.nanmax(values))
    for one in axes:
        one.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        one.grid(axis="x", visible=True)
    for one in axes[:-1]:
        one.set_xticklabels([])
