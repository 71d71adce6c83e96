"""The panels of Zeiler and Fergus (2014, fig. 7): what the network says as a window of the image is covered."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jobs.figures.attributions import in_words
from jobs.figures.style import LINES, SMALL, SOFT, VERMILION, WIDTH, bare, canvas, styled
from jobs.figures.tiles import mosaic

GAP, LEFT, HEAD, FOOT = 0.07, 0.06, 0.24, 0.52  # inches between panels, at the edges, for titles, for what is below
TITLES = ("occluder", "strongest map", "its projections", "projected from", "probability", "most probable")
BAR, SCALE = 0.05, 0.09  # inches: a color bar's height, and how far it lies below its panel
NAMED = 3
"""Classes that the last panel names; others are gray."""


@dataclass(frozen=True)
class Panels:
    """One image: pictures in 0-1, (height, width, 1 or 3); scores by window, top to bottom and left to right."""

    image: Float[np.ndarray, "height width color"]
    window: int
    """Side in pixels."""
    fill: Sequence[float]
    """Color of the window in 0-1."""
    strongest: Float[np.ndarray, "rows columns"]
    """Sum of the strongest feature map."""
    projections: Float[np.ndarray, "ranks height width color"]
    """Of that map: in this image, and in the others that excite it most."""
    projected: Float[np.ndarray, "ranks height width color"]
    """The same parts of these images."""
    probability: Float[np.ndarray, "rows columns"]
    """Of the class, 0-1."""
    most_probable: Int[np.ndarray, "rows columns"]
    names: Sequence[str]
    """Of all classes."""
    caption: str
    """The class and its probability in the image as it is."""
    map_name: str
    """Of the strongest feature map."""


def occlusion_panels(images: Sequence[Panels]) -> Figure:
    """One row an image; ValueError for none."""
    if not images:
        raise ValueError("There are no images to draw; give at least one.")
    side = (WIDTH - 2 * LEFT - GAP * (len(TITLES) - 1)) / len(TITLES)
    height = HEAD + len(images) * (side + FOOT)
    with styled():
        figure = canvas(height)
        for column, title in enumerate(TITLES):
            center = LEFT + column * (side + GAP) + side / 2
            figure.text(center / WIDTH, 1 - 0.15 / height, title, fontsize=SMALL, ha="center")
        for number, panels in enumerate(images):
            bottom = height - HEAD - number * (side + FOOT) - side
            places = [
                ((LEFT + column * (side + GAP)) / WIDTH, bottom / height, side / WIDTH, side / height)
                for column in range(len(TITLES))
            ]
            _row(figure, panels, [figure.add_axes(place) for place in places])
    return figure


def _row(figure: Figure, panels: Panels, axes: Sequence[Axes]) -> None:
    for one in axes:
        bare(one)
    _picture(axes[0], panels.image)
    height, width = panels.image.shape[:2]
    corner = ((width - panels.window) / 2, (height - panels.window) / 2)
    color = tuple(panels.fill) if len(panels.fill) == 3 else (panels.fill[0],) * 3
    axes[0].add_patch(Rectangle(corner, panels.window, panels.window, facecolor=color, linewidth=0))
    _under(axes[0], panels.caption)
    _scores(axes[1], panels.strongest, (float(panels.strongest.min()), float(panels.strongest.max())))
    for one, images, text in ((axes[2], panels.projections, panels.map_name), (axes[3], panels.projected, "")):
        _mosaic(one, images)
        _under(one, text)
    _scores(axes[4], panels.probability, (0.0, 1.0))
    _classes(axes[5], panels)


def _picture(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=1, interpolation="none")


def _mosaic(axes: Axes, images: np.ndarray) -> None:
    """This image's framed, top left."""
    _picture(axes, mosaic(images, columns=2))
    side = (images.shape[2], images.shape[1])
    axes.add_patch(Rectangle((-0.5, -0.5), *side, fill=False, edgecolor=VERMILION, linewidth=1.5, clip_on=False))


def _scores(axes: Axes, scores: np.ndarray, limits: tuple[float, float]) -> None:
    """With a color bar below."""
    colors = mpl.colormaps["viridis"]
    axes.imshow(scores, cmap=colors, vmin=limits[0], vmax=limits[1], interpolation="none")
    figure, place = axes.figure, axes.get_position()
    height = figure.bbox.height / figure.dpi
    inner = (place.x0 + 0.1 * place.width, place.y0 - (SCALE + BAR / 2) / height, 0.8 * place.width, BAR / height)
    scale = ScalarMappable(Normalize(*limits), colors)
    bar = figure.colorbar(scale, cax=figure.add_axes(inner), orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    axes.text(0.5, -0.19, in_words(limits), fontsize=SMALL, color=SOFT, transform=axes.transAxes, ha="center",
              va="center")  # fmt: skip


def _classes(axes: Axes, panels: Panels) -> None:
    found, counts = np.unique(panels.most_probable, return_counts=True)
    named = found[np.argsort(-counts, kind="stable")][:NAMED].tolist()
    shown = np.full(panels.most_probable.shape, NAMED)
    for place, number in enumerate(named):
        shown[panels.most_probable == number] = place
    colors = ListedColormap([*LINES[:NAMED], "#b4b4b4"])
    axes.imshow(shown, cmap=colors, vmin=0, vmax=NAMED, interpolation="none")
    for place, number in enumerate(named):
        y = -0.09 - 0.11 * place
        axes.text(0.0, y, "\N{BLACK SQUARE}", color=LINES[place], fontsize=SMALL, transform=axes.transAxes, va="center")
        axes.text(
            0.09,
            y,
            shorten(panels.names[number], 15, placeholder="…"),
            fontsize=SMALL,
            color=SOFT,
            transform=axes.transAxes,
            va="center",
        )


def _under(axes: Axes, text: str) -> None:
    axes.text(0.5, -0.09, text, fontsize=SMALL, color=SOFT, transform=axes.transAxes, ha="center", va="center")
