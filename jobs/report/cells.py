"""How a number is written: the value, and in smaller type its interval and its noise floor.

A number alone says little: 0.30 is high where permuted images give 0.05 and nothing where they give 0.29.
"""

import math
import re
from dataclasses import dataclass
from numbers import Integral

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
NUMERIC = re.compile(r"[\d\s.,%+±\N{MINUS SIGN}-]*\d[\d\s.,%]*")


@dataclass(frozen=True)
class Measured:
    """A number with what is needed to judge it; any part may be absent."""

    value: float
    low: float | None = None
    """Lower end of its interval: over images by the bootstrap where there is a floor, else as the table's note says."""
    high: float | None = None
    floor: float | None = None
    """The same number on permuted images, or by chance."""
    digits: int = 3


@dataclass(frozen=True)
class Shown:
    """A cell as the page prints it."""

    text: str
    interval: str = ""
    floor: str = ""
    numeric: bool = False


Cell = str | int | float | Measured | None


def shown(cell: Cell) -> Shown:
    """A cell as text: numbers with thousands separators and a true minus sign, None and NaN as a dash.

    Text that holds only digits and their signs counts as a number too: it is aligned to the right.
    """
    if cell is None:
        return Shown(DASH, numeric=True)
    if isinstance(cell, str):
        return Shown(cell, numeric=NUMERIC.fullmatch(cell) is not None)
    if not isinstance(cell, Measured):
        return Shown(number(cell), numeric=True)
    both = cell.low is not None and cell.high is not None
    interval = f"[{number(cell.low, cell.digits)}, {number(cell.high, cell.digits)}]" if both else ""
    floor = f"floor {number(cell.floor, cell.digits)}" if cell.floor is not None else ""
    return Shown(number(cell.value, cell.digits), interval, floor, numeric=True)


def number(value: float | None, digits: int = 3) -> str:
    """`0.804`, `-0.020` with a true minus, `266,610` for whole numbers, a dash for what is not finite."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:,}" if isinstance(value, Integral) else f"{value:z,.{digits}f}"
    return text.replace("-", MINUS)


def percent(share: float | None) -> str:
    """A share in 0-1 as `97.3 %`, a dash where it is unknown."""
    return DASH if share is None or not math.isfinite(share) else f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """`8.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
