"""Grid: every point its own cell, and points of a grid their own place."""

import numpy as np
import pytest

from analysis.embedding.grid import grid_cells


def test_points_of_a_grid_keep_their_cells() -> None:
    rows, columns = np.divmod(np.arange(30), 6)
    y = np.stack([columns * 2.5 + 7, -rows * 0.3], 1)
    np.testing.assert_array_equal(grid_cells(y, 5, 6), np.stack([rows, columns], 1))


def test_no_two_share_a_cell_and_neighbors_stay() -> None:
    y = np.random.default_rng(0).normal(size=(200, 2))
    cells = grid_cells(y, 15, 18)
    assert len(np.unique(cells, axis=0)) == 200
    assert np.corrcoef(y[:, 0], cells[:, 1])[0, 1] > 0.9
    assert np.corrcoef(y[:, 1], cells[:, 0])[0, 1] < -0.9


def test_equal_points_are_spread() -> None:
    assert len(np.unique(grid_cells(np.zeros((12, 2)), 3, 4), axis=0)) == 12


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="13 points do not fit a grid of 3 x 4"):
        grid_cells(np.zeros((13, 2)), 3, 4)
