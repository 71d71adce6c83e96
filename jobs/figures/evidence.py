"""Why a model believes what it believes of one image: from the prior, by evidence for and against, to the posterior.

Bars lie on a scale of log-odds, where evidence adds up: each begins where the one above ended. The scale above tells
the same as probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import logit

from analysis.boolean.explanation import Explanation
from jobs.figures.margins import inches, place, shortened, write
from jobs.figures.style import BLUE, FRAME, INK, SMALL, SOFT, TEXT, VERMILION, WIDTH, bare, canvas, styled

ROW = 0.23  # inches a bar
MARGIN = 0.1
LONGEST = 1.55  # inches of a name
TITLE, SCALE, FOOT = 0.26, 0.34, 0.46  # inches for the title and for the scales above and below the bars
NUMBER = 0.72  # inches for the number right of the bars
PICTURE = 0.44  # inches a picture: above the upper scale
CHANCES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class Evidence:
    """One belief about one image."""

    title: str
    explanation: Explanation
    findings: Sequence[str]
    """What was found, in the order in which it was taken in: 'wheel on', 'sky off'."""
    picture: UInt8[np.ndarray, "height width color"] | None = None
    """The image, shown at the upper right."""


def evidence(shown: Sequence[Evidence]) -> Figure:
    """One panel a belief, two in a row; all share one scale.

    Evidence for is blue and points right, evidence against red and points left; gray bars from the middle, 50 %, are
    prior and posterior. ValueError for no belief, for one that is certain, and for names of another number.
    """
    if not shown:
        raise ValueError("There is no evidence to draw; give at least one explanation.")
    for one in shown:
        _check(one)
    across = min(2, len(shown))
    rows = [shown[start : start + across] for start in range(0, len(shown), across)]
    heights = [TITLE + SCALE + FOOT + ROW * (2 + max(len(one.findings) for one in row)) for row in rows]
    reached = [_path(one.explanation) for one in shown]
    low, high = min(path.min() for path in reached), max(path.max() for path in reached)
    spare = 0.06 * (high - low) + 0.1
    with styled():
        figure = canvas(sum(heights) + MARGIN / 2)
        top = figure.get_figheight() - MARGIN / 2
        for row, height in zip(rows, heights, strict=True):
            for number, one in enumerate(row):
                left = MARGIN + number * (WIDTH - MARGIN) / across
                _panel(figure, one, (left, top), (WIDTH - MARGIN) / across, (low - spare, high + spare))
            top -= height
    return figure


def _path(explanation: Explanation) -> np.ndarray:
    """0, the prior, and where each finding leads."""
    return np.concatenate([[0.0], explanation.prior + np.cumsum([0.0, *explanation.evidence])])


def _panel(
    figure: Figure, one: Evidence, corner: tuple[float, float], wide: float, limits: tuple[float, float]
) -> None:
    names = ["prior", *(shortened(name, LONGEST) for name in one.findings), "posterior"]
    before = max(inches(name, SMALL, name == "posterior") for name in names) + 0.1
    left, top = corner[0] + before, corner[1] - TITLE - SCALE
    tall = ROW * len(names)
    write(figure, corner[0], corner[1] - TITLE / 2, one.title, fontsize=TEXT, fontweight="bold")
    if one.picture is not None:
        _draw_picture(figure, one.picture, corner[0] + wide - MARGIN - PICTURE, corner[1])
    axes = place(figure, left, top - tall, wide - before - NUMBER - MARGIN, tall)
    axes.set(xlim=limits, ylim=(len(names) - 0.5, -0.5))
    _scales(axes)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    path = _path(one.explanation)
    _bar(axes, 0, 0.0, path[1], SOFT, _percent(path[1]))
    for number, change in enumerate(one.explanation.evidence, start=1):
        color = SOFT if _signed(change) == "0" else BLUE if change > 0 else VERMILION
        _bar(axes, number, path[number], path[number + 1], color, _signed(change))
    for number in range(len(path) - 1):
        axes.plot([path[number + 1]] * 2, [number - 0.32, number + 1.32], color=FRAME, linewidth=0.7, zorder=1)
    last = len(names) - 1
    _bar(axes, last, 0.0, path[-1], INK, _percent(path[-1]))
    axes.texts[-1].set_fontweight("bold")
    axes.get_yticklabels()[last].set_fontweight("bold")


def _draw_picture(figure: Figure, picture: np.ndarray, left: float, top: float) -> None:
    axes = place(figure, left, top - PICTURE, PICTURE, PICTURE)
    axes.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)
    axes.set_anchor("NE")
    bare(axes)


def _bar(axes: Axes, row: int, start: float, end: float, color: str, number: str) -> None:
    axes.barh(row, end - start, left=start, height=0.64, color=color, linewidth=0, zorder=2)
    at = axes.get_xlim()[1] + (axes.get_xlim()[1] - axes.get_xlim()[0]) * 0.02
    axes.text(at, row, number, fontsize=SMALL, va="center", color=color)


def _scales(axes: Axes) -> None:
    """Log-odds below, probabilities above; a line at even odds."""
    axes.spines["left"].set_visible(False)
    axes.axvline(0.0, color=FRAME, linewidth=0.7, zorder=1)
    axes.set_xlabel("log-odds, nats")
    low, high = axes.get_xlim()
    room = axes.get_position().width * WIDTH / (high - low)
    above = axes.secondary_xaxis("top")
    kept: list[float] = []
    for chance in sorted(CHANCES, key=lambda chance: abs(chance - 0.5)):
        at = float(logit(chance))
        if low <= at <= high and all(abs(at - float(logit(other))) * room > 0.36 for other in kept):
            kept.append(chance)
    above.set_xticks(logit(np.array(kept)), [f"{100 * chance:g} %" for chance in kept])


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}") if round(value, 2) else "0"


def _percent(odds: float) -> str:
    """With digits enough to tell it from certainty, to a millionth."""
    share = 100 * Explanation(odds, np.zeros(0)).probability
    rest = min(share, 100 - share)
    if rest < 1e-4:
        return "< 0.0001 %" if share < 50 else "> 99.9999 %"
    digits = next(digits for digits in range(5) if rest >= 10**-digits or digits == 4)
    return f"{share:.{digits}f} %"


def _check(one: Evidence) -> None:
    if len(one.findings) != len(one.explanation.evidence):
        raise ValueError(
            f"{one.title} has {len(one.explanation.evidence)} pieces of evidence and {len(one.findings)} findings; "
            "give a name for each."
        )
    if not np.isfinite(_path(one.explanation)).all():
        raise ValueError(f"{one.title} is certain, with infinite evidence; smooth the model's probabilities.")
