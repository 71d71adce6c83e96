"""A training curve the size of a word (Tufte, 2006): accuracy by epoch, inline so that it follows the page's colors."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, EDGE = 132.0, 34.0, 3.0  # CSS pixels
FINEST = 264  # points a line at least keeps of more: two a pixel


@dataclass(frozen=True)
class TrainingCurve:
    """Accuracies in 0-1 after every epoch."""

    train: Sequence[float]
    test: Sequence[float] = ()


@dataclass(frozen=True)
class Sparkline:
    """Points of the two lines in a box of WIDTH x HEIGHT and the sentence that says the same."""

    train: str
    test: str
    text: str
    width: float = WIDTH
    height: float = HEIGHT


def sparkline(curve: TrainingCurve) -> Sparkline:
    """The lines of a curve on a common scale from 0 to 1."""
    parts = [
        f"{name} accuracy {line[0]:.1%} after epoch 1, {line[-1]:.1%} after epoch {len(line)}"
        for name, line in (("training", curve.train), ("test", curve.test))
        if len(line)
    ]
    return Sparkline(_points(curve.train), _points(curve.test), "; ".join(parts))


def _points(values: Sequence[float]) -> str:
    step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)
    epochs = [epoch for epoch in range(0, len(values), max(1, len(values) // FINEST)) if values[epoch] == values[epoch]]
    places = [(EDGE + epoch * step, min(max(values[epoch], 0.0), 1.0)) for epoch in epochs]
    return " ".join(f"{x:.1f},{EDGE + (1.0 - value) * (HEIGHT - 2 * EDGE):.1f}" for x, value in places)
