"""Means over seeds as cells and lines."""

import numpy as np
import pytest

from jobs.report.cells import Measured
from jobs.steps.seed_means import estimate_cell, mean_cell, mean_line


def test_a_mean_has_its_interval_where_there_are_several() -> None:
    cell = mean_cell(np.array([1.0, 2.0, 3.0]), digits=2)
    assert isinstance(cell, Measured)
    half = 4.302653 / np.sqrt(3)  # the 97.5 % quantile of Student's t with 2 degrees of freedom
    assert (cell.value, cell.digits) == (2.0, 2)
    assert (cell.low, cell.high) == pytest.approx((2 - half, 2 + half))
    assert mean_cell(np.array([1.5])) == Measured(1.5)
    assert estimate_cell(np.array([0.5, 0.25, 0.75])) == Measured(0.5, 0.25, 0.75)


def test_a_line_of_errors_has_no_interval_below_zero() -> None:
    line = mean_line("error", np.array([1.0, 2.0]), np.array([[0.0, 3.0], [1.0, 3.0]]))
    assert line.y.tolist() == [0.5, 3.0]
    assert np.asarray(line.low).tolist() == [0.0, 3.0]
    assert mean_line("error", np.array([1.0]), np.array([[0.5]])).low is None
