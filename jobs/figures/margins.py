"""What stands around the axes of a figure, placed in inches: names that never overlap, a color bar, a legend."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from jobs.figures.curves import DASHES, INTERVAL
from jobs.figures.style import RC, SMALL, SOFT, UNDEFINED, WIDTH, color_map

LINE = 0.125  # inches between the middles of two lines of small text that just do not touch
SPACE = 0.07  # inches between two names in one line, and between a name and its axes
LONGEST = 1.2  # inches: longer names lose their beginning, since layers differ at the end
COLOR_BAR = 0.44  # inches that a color bar takes at the foot of a figure


@lru_cache(maxsize=4096)
def inches(text: str, points: float = SMALL, bold: bool = False) -> float:
    """Width of one line of text as printed."""
    font = FontProperties(family=RC["font.family"], size=points, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def shortened(text: str, room: float = LONGEST, points: float = SMALL, bold: bool = False) -> str:
    """The text, or an ellipsis and as much of its end as fits into `room` inches."""
    ends = (text, *(f"…{text[cut:]}" for cut in range(1, len(text))))
    return next((end for end in ends if inches(end, points, bold) <= room), "…")


def apart(at: Sequence[float], least: float) -> list[int]:
    """Indices of ascending positions to keep so that neighbors are `least` apart, the first always among them."""
    kept: list[int] = []
    for index, position in enumerate(at):
        if not kept or position - at[kept[-1]] >= least - 1e-9:
            kept.append(index)
    return kept


def widest(names: Sequence[str]) -> float:
    """Inches of the longest name once shortened; 0 for none."""
    return max((inches(shortened(name)) for name in names), default=0.0)


def lying(names: Sequence[str], at: Sequence[float]) -> bool:
    """Whether all names fit side by side under positions `at`, in inches; else they stand upright."""
    gaps = [right - left for left, right in pairwise(at)]
    return widest(names) + SPACE <= min(gaps, default=LONGEST + SPACE)


def height_below(names: Sequence[str], at: Sequence[float]) -> float:
    """Inches that `name_x` takes under the axes for these names."""
    return SPACE + (LINE if lying(names, at) else widest(names))


def name_x(axes: Axes, positions: Sequence[float], names: Sequence[str], at: Sequence[float]) -> None:
    """Names under the x axis at `positions`, which are `at` inches from its left end; upright or thinned if tight."""
    flat = lying(names, at)
    kept = list(range(len(names))) if flat else apart(at, LINE)
    labels = [shortened(names[index]) for index in kept]
    axes.set_xticks([positions[index] for index in kept], labels, rotation=0 if flat else 90)


def name_y(axes: Axes, positions: Sequence[float], names: Sequence[str], at: Sequence[float]) -> None:
    """Names left of the y axis at `positions`, which are `at` inches from its end; thinned where tight."""
    kept = apart(at, LINE)
    axes.set_yticks([positions[index] for index in kept], [shortened(names[index]) for index in kept])


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes with their lower left corner at `left`, `bottom`; all in inches."""
    whole = figure.get_figheight()
    return figure.add_axes((left / WIDTH, bottom / whole, width / WIDTH, height / whole))


def write(figure: Figure, left: float, bottom: float, text: str, **style: object) -> None:
    """Small text at a point in inches, its middle at `bottom`."""
    at = left / WIDTH, bottom / figure.get_figheight()
    figure.text(*at, text, **{"fontsize": SMALL, "va": "center", **style})  # type: ignore[arg-type]


def write_upright(figure: Figure, left: float, middle: float, text: str) -> None:
    """The label of a y axis, read from below: centered at `middle`, moved where it would leave the page."""
    half, height = inches(text) / 2 + 0.03, figure.get_figheight()
    write(figure, left, max(min(middle, height - half), half), text, rotation=90)


def color_bar(figure: Figure, left: float, limits: tuple[float, float], label: str, undefined: str = "") -> None:
    """A color bar at the foot of the figure, its label beside it; `undefined` says what a gray cell is."""
    axes = place(figure, left, 0.25, 2.2, 0.11)
    bar = figure.colorbar(ScalarMappable(Normalize(*limits), color_map(limits)), cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    low, high = limits
    bar.set_ticks([low + (high - low) * quarter / 4 for quarter in range(5)])
    write(figure, left + 2.45, 0.305, label)
    if undefined:
        square(figure, left + 2.45, 0.06, UNDEFINED)
        write(figure, left + 2.63, 0.115, undefined)


def square(figure: Figure, left: float, bottom: float, color: str) -> None:
    """A small square of one color, to stand before its explanation."""
    height = figure.get_figheight()
    corner, sides = (left / WIDTH, bottom / height), (0.11 / WIDTH, 0.11 / height)
    figure.add_artist(Rectangle(corner, *sides, facecolor=color, linewidth=0))


def legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """A legend above a figure of constrained layout, in as many columns as the page is wide."""
    figure.legend(handles=list(handles), loc="outside upper left", ncols=_columns(handles, WIDTH))


def key(figure: Figure, handles: Sequence[Line2D], left: float) -> None:
    """A legend at the top of a figure whose axes are placed in inches; it takes `key_height`."""
    at = left / WIDTH, 1.0 - 0.03 / figure.get_figheight()
    columns = _columns(handles, WIDTH - left)
    figure.legend(
        handles=list(handles), loc="upper left", bbox_to_anchor=at, ncols=columns, borderaxespad=0, borderpad=0
    )


def key_height(handles: Sequence[Line2D], left: float) -> float:
    """Inches that `key` takes at the top."""
    return 0.07 + 0.18 * -(-len(handles) // _columns(handles, WIDTH - left)) if handles else 0.0


def _columns(handles: Sequence[Line2D], room: float) -> int:
    taken = [inches(str(handle.get_label())) + 0.55 for handle in handles]  # 0.55: the sign and the space around it
    return len(handles) if sum(taken) <= room else max(1, int(room / max(taken)))


def interval_sign(label: str = "bootstrap interval over images") -> Line2D:
    """The legend's sign of an interval."""
    return Line2D([], [], color=SOFT, label=label, **INTERVAL)  # type: ignore[arg-type]


def floor_sign() -> Line2D:
    """The legend's sign of a noise floor."""
    return Line2D([], [], color=SOFT, linestyle=DASHES, linewidth=1.1, label="noise floor (permuted images)")
