"""Does the energy repeat, does the optimum? Four panels on a population of networks that differ by their seed alone.

Where each ends, the angle between two of them, the loss on the straight line from one to the other, and how often they
say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.log_ticks import plain_ticks
from jobs.figures.style import BLUE, FRAME, GREEN, INK, SMALL, SOFT, VERMILION, canvas, styled

TALL = 5.2  # inches
COLORS = (VERMILION, BLUE)  # as they are, aligned
SPREAD = 0.09  # half the width over which dots are spread


@dataclass(frozen=True)
class Population:
    """What the four panels show."""

    losses: Float[np.ndarray, " seeds"]
    start_loss: float
    """Of a network that knows nothing."""
    cosines: dict[str, Float[np.ndarray, " pairs"]]
    """By name, in the order in which they are drawn."""
    share: Float[np.ndarray, " points"]
    lines: dict[str, Float[np.ndarray, "pairs points"]]
    """Loss along the straight line, as they are and aligned."""
    agreements: dict[str, Float[np.ndarray, " pairs"]]
    """Shares of images, by name."""


def population(found: Population) -> Figure:
    """Four panels; ValueError for fewer than two networks."""
    if len(found.losses) < 2:
        raise ValueError(f"There are {len(found.losses)} networks; a population needs at least two.")
    with styled():
        figure = canvas(TALL, layout="constrained")
        figure.set_layout_engine("constrained", wspace=0.06, hspace=0.07)
        grid = figure.subplots(2, 2)
        _energies(grid[0, 0], found)
        _strip(grid[0, 1], list(found.cosines.items()), "cosine of two networks' weights")
        grid[0, 1].set_title("The angle between two")
        grid[0, 1].set_ylim(min(-0.05, grid[0, 1].get_ylim()[0]), 1.02)
        _lines(grid[1, 0], found)
        _strip(grid[1, 1], list(found.agreements.items()), "share of the test images")
        grid[1, 1].set_title("What two of them say")
        grid[1, 1].set_ylim(-0.03, 1.03)
    return figure


def _energies(axes: Axes, found: Population) -> None:
    losses = np.sort(found.losses)
    at = np.arange(1, len(losses) + 1)
    mean, deviation = losses.mean(), losses.std(ddof=1)
    axes.axhspan(mean - deviation, mean + deviation, color=BLUE, alpha=0.15, linewidth=0)
    axes.axhline(mean, color=BLUE, linewidth=1.0)
    axes.plot(at, losses, "o", color=BLUE, markersize=3.5)
    axes.axhline(found.start_loss, color=SOFT, linewidth=0.8, linestyle=(0, (3, 1.6)))
    axes.text(at[-1], found.start_loss / 1.06, "equal chances", color=SOFT, fontsize=SMALL, ha="right", va="top")
    axes.text(1, losses.max() * 1.25, f"mean {mean:.4f} ± {deviation:.4f}", color=INK, fontsize=SMALL, va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(min(losses.min() / 3, mean / 3), found.start_loss * 1.4)
    plain_ticks(axes.yaxis)
    axes.set(xlabel="network, by its loss", ylabel="test loss in nats")
    axes.set_title("Where each one ends")


def _strip(axes: Axes, groups: Sequence[tuple[str, np.ndarray]], label: str) -> None:
    axes.grid(axis="y", visible=True)
    for number, (_, values) in enumerate(groups):
        at = number + np.linspace(-SPREAD, SPREAD, len(values))
        axes.plot(at, np.sort(values), "o", color=(VERMILION, BLUE, GREEN)[number % 3], markersize=2.8, alpha=0.7)
        text = f"{np.nanmean(values):.3f}".replace("-", "\N{MINUS SIGN}")
        axes.text(number + SPREAD + 0.06, float(np.nanmean(values)), text, fontsize=SMALL, va="center")
    axes.set_xticks(range(len(groups)), [name for name, _ in groups], fontsize=SMALL)
    axes.set_xlim(-0.45, len(groups) - 0.4)
    axes.set_ylabel(label)


def _lines(axes: Axes, found: Population) -> None:
    axes.grid(axis="y", visible=True)
    for (name, lines), color in zip(found.lines.items(), COLORS, strict=False):
        axes.plot(found.share, lines.T, color=color, linewidth=0.5, alpha=0.35)
        axes.plot(found.share, lines.mean(0), color=color, linewidth=2.0, label=name)
    axes.axhline(found.start_loss, color=FRAME, linewidth=0.8, linestyle=(0, (3, 1.6)))
    axes.set(xlabel="share of the way from one network to the other", ylabel="test loss in nats")
    axes.set_title("On the way between two")
    top = max(found.start_loss, *(float(lines.max()) for lines in found.lines.values()))
    axes.set_ylim(-0.02 * top, 1.25 * top)
    axes.legend(loc="upper left", ncols=2)
