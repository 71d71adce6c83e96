"""What speaks for a neuron, image by image: pictures, signed pictures around mid-gray, maps with a color bar, overlays.

A row is one image, a column one way to look at it. Maps that can be negative are diverging, white at zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from jobs.figures.style import SMALL, SOFT, WIDTH, bare, canvas, color_map, styled

GAP = 0.07  # inches between panels
LEFT = 0.22  # inches for the names of the rows
HEAD = 0.24  # inches for the titles of the columns
FOOT = 0.34  # inches for the scale under a panel
LARGEST = 1.6  # inches a panel

PERCENTILE = 99.0
"""Limits of a map: few pixels hold the extremes, and with them as limits the rest would be white."""

OPACITY = 0.5
"""Of a map over its image."""


@dataclass(frozen=True)
class Look:
    """One panel."""

    title: str
    values: Float[np.ndarray, "height width"] | Float[np.ndarray, "height width color"]
    """A picture in 0-1 (height, width, 1 or 3), or a map (height, width) in its own units."""
    limits: tuple[float, float] | None = None
    """Of a map; symmetric ones are drawn diverging."""
    caption: str = ""
    """A line under a picture, for instance its scale."""
    under: Float[np.ndarray, "height width"] | None = None
    """A gray picture in 0-1 that lies under a map."""


def map_limits(values: np.ndarray, percentile: float = PERCENTILE) -> tuple[float, float]:
    """(-m, m) for values of both signs and (0, m) for others, m the percentile of the magnitudes, 1 where all are 0."""
    magnitudes = np.abs(values[np.isfinite(values)])
    largest = float(np.percentile(magnitudes, percentile)) if magnitudes.size else 0.0
    largest = largest or float(magnitudes.max(initial=0.0)) or 1.0
    return (-largest if np.nanmin(values, initial=0.0) < 0 else 0.0, largest)


def around_gray(
    image: Float[np.ndarray, "height width color"], largest: float
) -> Float[np.ndarray, "height width color"]:
    """A signed picture in 0-1: zero is mid-gray, `largest` white and its negative black."""
    return np.clip(0.5 + image / (2 * largest), 0.0, 1.0)


def attributions(rows: Sequence[Sequence[Look]], names: Sequence[str]) -> Figure:
    """Rows of panels with a name each; titles stand over the first row. A row may be shorter than others.

    ValueError for no panels, and for names of another number than rows.
    """
    if not rows or not all(rows):
        raise ValueError("There are no maps to draw; give at least one row, and a panel in each.")
    if len(names) != len(rows):
        raise ValueError(f"There are {len(names)} names for {len(rows)} rows; give one each.")
    columns = max(len(row) for row in rows)
    side = min(LARGEST, (WIDTH - LEFT - GAP * columns) / columns)
    tall = side * max(look.values.shape[0] / look.values.shape[1] for row in rows for look in row)
    first = [look.title for look in rows[0]]
    heads = [HEAD if number == 0 or not _under(row, first) else 0.0 for number, row in enumerate(rows)]
    height = sum(heads) + len(rows) * (tall + FOOT)
    with styled():
        figure = canvas(height)
        top = height
        for row, name, head in zip(rows, names, heads, strict=True):
            top -= head
            middle = (top - tall / 2) / height
            figure.text(0.04 / WIDTH, middle, name, fontsize=SMALL, rotation=90, va="center", ha="left")
            for column, look in enumerate(row):
                left = LEFT + column * (side + GAP)
                if head:
                    figure.text(
                        (left + side / 2) / WIDTH, (top + 0.09) / height, look.title, fontsize=SMALL, ha="center"
                    )
                _panel(figure, look, (left, top - tall, side, tall))
            top -= tall + FOOT
    return figure


def _under(row: Sequence[Look], titles: Sequence[str]) -> bool:
    """Whether the titles over the first row are those of this one too."""
    return all(look.title == title for look, title in zip(row, titles, strict=False)) and len(row) <= len(titles)


def _panel(figure: Figure, look: Look, box: tuple[float, float, float, float]) -> None:
    left, bottom, wide, tall = box
    height = figure.get_figheight()
    axes: Axes = figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, tall / height))
    bare(axes)
    if look.values.ndim == 3:
        picture = look.values[..., 0] if look.values.shape[2] == 1 else look.values
        axes.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0, interpolation="none")
        text = ((left + wide / 2) / WIDTH, (bottom - 0.13) / height)
        figure.text(*text, look.caption, fontsize=SMALL, color=SOFT, ha="center")
        return
    limits = look.limits or map_limits(look.values)
    if look.under is not None:
        axes.imshow(look.under, cmap="gray", vmin=0.0, vmax=1.0, interpolation="none")
    alpha = 1.0 if look.under is None else OPACITY
    colors = color_map(limits)
    axes.imshow(look.values, cmap=colors, vmin=limits[0], vmax=limits[1], interpolation="none", alpha=alpha)
    inner = ((left + 0.1 * wide) / WIDTH, (bottom - 0.09) / height, 0.8 * wide / WIDTH, 0.05 / height)
    scale = ScalarMappable(Normalize(*limits), colors)
    bar = figure.colorbar(scale, cax=figure.add_axes(inner), orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    text = ((left + wide / 2) / WIDTH, (bottom - 0.19) / height)
    figure.text(*text, look.caption or in_words(limits), fontsize=SMALL, color=SOFT, ha="center")


def in_words(limits: tuple[float, float]) -> str:
    """The scale of a map for a reader: "±0.25", "2,048 to 4,595"."""
    low, high = (f"{end:,.0f}" if max(map(abs, limits)) >= 100 else f"{end:.2g}" for end in limits)
    return f"\N{PLUS-MINUS SIGN}{high}" if limits[0] == -limits[1] else f"{low} to {high}"
