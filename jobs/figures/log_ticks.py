"""Numbers on a logarithmic axis in plain text: 0.01 and 3e-6, since formulas are not set."""

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

FEWEST, MOST = 3, 5
STEPS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0),
    tuple(1 + np.arange(18) / 2),
    tuple(1 + np.arange(90) / 10),
)
"""Within a decade, from coarse to fine."""


def plain_ticks(axis: Axis) -> None:
    """Name powers of ten, at most 5, and where fewer than three lie on the axis as it is now, steps between them."""
    low, high = sorted(axis.get_view_interval())
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high))
    steps = next((steps for steps in STEPS if _inside(np.outer(powers, steps), low, high) >= FEWEST), STEPS[-1])
    axis.set_major_locator(LogLocator(subs=steps, numticks=MOST))
    axis.set_major_formatter(FuncFormatter(plainly))
    axis.set_minor_formatter(NullFormatter())


def plainly(value: float, _position: int | None = None) -> str:
    """The shorter of 0.001 and 1e-3."""
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{float(digits):g}e{int(power)}".replace("-", "\N{MINUS SIGN}")


def _inside(values: np.ndarray, low: float, high: float) -> int:
    return int(np.count_nonzero((values >= low) & (values <= high)))
