"""Numbers as the page writes them."""

import math

import numpy as np
import pytest

from jobs.report.cells import Cell, Measured, Shown, duration, number, percent, shown


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, Shown("–", numeric=True)),
        ("conv1", Shown("conv1")),
        ("16, 32", Shown("16, 32", numeric=True)),
        ("0.5 ± 0.1", Shown("0.5 ± 0.1", numeric=True)),
        ("", Shown("")),
        (266610, Shown("266,610", numeric=True)),
        (np.int64(5), Shown("5", numeric=True)),
        (0.8044, Shown("0.804", numeric=True)),
        (math.nan, Shown("–", numeric=True)),
        (Measured(0.5), Shown("0.500", numeric=True)),
        (Measured(-0.02, -0.1, 0.06, 0.01), Shown("−0.020", "[−0.100, 0.060]", "floor 0.010", True)),
        (Measured(0.5, floor=0.1, digits=2), Shown("0.50", "", "floor 0.10", True)),
        (Measured(math.nan, math.nan, math.nan, 0.1), Shown("–", "[–, –]", "floor 0.100", True)),
    ],
)
def test_cells(cell: Cell, expected: Shown) -> None:
    assert shown(cell) == expected


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert number(-0.0001) == number(-0.0) == "0.000"


@pytest.mark.parametrize(("share", "text"), [(0.9732, "97.3 %"), (1.0, "100.0 %"), (None, "–"), (math.nan, "–")])
def test_shares_are_percentages(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (134.2, "2 min 14 s"), (7499.0, "2 h 4 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
