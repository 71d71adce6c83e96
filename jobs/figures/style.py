"""One look for every figure: sizes in inches of the printed page, fonts in points, colors safe for the color-blind.

Lines: Okabe and Ito (2008), "Color universal design". Signed maps: ColorBrewer's RdBu, white at zero; others: viridis.
The font travels with Matplotlib, so a figure has the same bytes on every machine with the same Matplotlib.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

WIDTH = 7.2  # inches: the text width of A4 or letter paper; the report shows it at 900 px, so 8 pt reads as 13 px
SMALL = 8.0  # points: the smallest text of any figure
TEXT = 9.0

INK = "#22262b"
SOFT = "#5d666f"
FRAME = "#9aa3ab"
UNDEFINED = "#b4b4b4"  # NaN: a gray that neither map contains

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
)
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 5.0,
    "axes.labelsize": SMALL,
    "axes.labelcolor": INK,
    "axes.edgecolor": FRAME,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.6,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in the name of a layer is a dollar sign
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "vitrine",
    "path.simplify": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's defaults plus this style, whatever the user's matplotlibrc says; restored on leaving."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def canvas(height: float, layout: str | None = None) -> Figure:
    """An empty figure of the page's width and `height` inches that draws with Agg, apart from pyplot's global state."""
    figure = Figure(figsize=(WIDTH, height), layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def color_map(limits: tuple[float, float]) -> Colormap:
    """Diverging with white at zero where `limits` are symmetric around zero, else sequential; NaN is gray in both."""
    low, high = limits
    if not low < high:
        raise ValueError(f"Color limits are {limits}; the first must be below the second.")
    return mpl.colormaps["RdBu_r" if low == -high else "viridis"].with_extremes(bad=UNDEFINED)


def bare(axes: Axes) -> None:
    """Take ticks and frame off axes that hold pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_frame_on(False)
