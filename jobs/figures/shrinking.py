"""How a size shrinks stage by stage: a bar a stage, with how many times smaller it is, a block for each network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from jobs.figures.margins import LINE, SPACE, place, widest, write
from jobs.figures.style import BLUE, FRAME, SMALL, SOFT, WIDTH, canvas, styled

STEP, BETWEEN, LABEL, ROOM = 0.22, 0.30, 0.20, 1.5  # inches: a bar, above a block, a label, right of the longest bar


@dataclass(frozen=True)
class Shrinking:
    """One network: sizes in bytes, the first the whole."""

    title: str
    stages: Sequence[str]
    size_bytes: Sequence[float]


def shrinking(given: Sequence[Shrinking]) -> Figure:
    """Bars of a logarithmic length, the ratio to the first beside each. ValueError for nothing, and for no size."""
    if not given or any(len(one.stages) != len(one.size_bytes) or min(one.size_bytes) <= 0 for one in given):
        raise ValueError("Give at least one network, and a size above 0 for each of its stages.")
    left = SPACE + widest([stage for one in given for stage in one.stages]) + SPACE
    tall = sum(BETWEEN + STEP * len(one.stages) for one in given)
    with styled():
        below = LABEL + LINE + SPACE
        figure = canvas(tall + below)
        axes = place(figure, left, below, WIDTH - left - 0.1, tall)
        smallest = min(min(one.size_bytes) for one in given)
        largest = max(max(one.size_bytes) for one in given)
        axes.set_xscale("log")
        axes.set(xlim=(smallest / 4, largest * 4), ylim=(tall, 0.0))
        places, names, top = [], [], 0.0
        for one in given:
            axes.text(0.0, top + BETWEEN * 0.6, one.title, transform=axes.get_yaxis_transform(), fontweight="bold",
                      fontsize=SMALL, va="center")  # fmt: skip
            for number, (stage, size) in enumerate(zip(one.stages, one.size_bytes, strict=True)):
                y = top + BETWEEN + STEP * (number + 0.5)
                axes.barh(y, size, height=STEP * 0.7, color=BLUE if number else FRAME)
                ratio = "" if number == 0 else f"   {one.size_bytes[0] / size:.1f} x"
                axes.text(size * 1.08, y, f"{_kilobytes(size)}{ratio}", fontsize=SMALL, color=SOFT, va="center")
                places.append(y)
                names.append(stage)
            top += BETWEEN + STEP * len(one.stages)
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([10.0**power for power in range(int(np.floor(np.log10(smallest))), int(np.log10(largest)) + 1)])
        axes.minorticks_off()
        axes.set_xticklabels([_kilobytes(tick) for tick in axes.get_xticks()])
        write(figure, left + (WIDTH - left) / 2, LABEL / 2, "size", ha="center")
    return figure


def _kilobytes(size: float) -> str:
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} kB" if size >= 1e3 else f"{size:.0f} B"
