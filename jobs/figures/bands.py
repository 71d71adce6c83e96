"""How are the values of every channel spread? Quantile bands, one panel a layer, channels in order of their medians."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from jobs.figures.style import BLUE, SMALL, SOFT, VERMILION, canvas, styled

COLUMNS = 3
PANEL = 1.55  # inches


@dataclass(frozen=True)
class Bands:
    """One layer: for every channel its quantiles at 1, 5, 25, 50, 75, 95 and 99 %."""

    title: str
    quantiles: Float[np.ndarray, "units quantiles"]


def bands(layers: Sequence[Bands]) -> Figure:
    """One panel a layer, each with its own scale; ValueError for no layers or other than seven quantiles."""
    if not layers:
        raise ValueError("There are no distributions to draw; give at least one layer.")
    for layer in layers:
        if layer.quantiles.ndim != 2 or layer.quantiles.shape[1] != 7:
            raise ValueError(
                f"Layer {layer.title!r} has quantiles of shape {layer.quantiles.shape}; 7 a unit are drawn."
            )
    columns = min(COLUMNS, len(layers))
    rows = -(-len(layers) // columns)
    with styled():
        figure = canvas(0.6 + PANEL * rows, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in list(grid.flat)[len(layers) :]:
            axes.set_visible(False)
        for axes, layer in zip(grid.flat, layers, strict=False):
            ordered = layer.quantiles[np.argsort(layer.quantiles[:, 3], kind="stable")]
            ordered = np.concatenate([ordered, ordered[-1:]])  # a step ends where the next would begin
            at = np.arange(len(ordered)) - 0.5
            axes.axhline(0.0, color=SOFT, linewidth=0.6)
            axes.fill_between(at, ordered[:, 1], ordered[:, 5], color=BLUE, alpha=0.22, linewidth=0, step="post")
            axes.fill_between(at, ordered[:, 2], ordered[:, 4], color=BLUE, alpha=0.55, linewidth=0, step="post")
            axes.step(at, ordered[:, 3], where="post", color=VERMILION, linewidth=1.1)
            axes.set_title(layer.title)
            axes.set_xlim(at[0], at[-1])
        figure.supxlabel("channels, by median", fontsize=SMALL)
        figure.supylabel("value", fontsize=SMALL)
    return figure
