"""Points on a grid: every one gets a cell of its own, as near as can be to its place in the map.

A linear assignment (Fried et al., 2015, "IsoMatch", solve the same for distances); free cells keep groups apart.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from analysis.embedding.nearest import squared_distances


def grid_cells(y: Float[np.ndarray, "points 2"], rows: int, columns: int) -> Int[np.ndarray, "points 2"]:
    """(row, column) of every point, none twice, of the least sum of squared distances; row 0 is on top.

    The map is stretched to the grid, so that its first axis runs along columns and its second upward. ValueError where
    there are fewer cells than points.
    """
    if len(y) > rows * columns:
        raise ValueError(f"{len(y)} points do not fit a grid of {rows} x {columns}; ask for more cells.")
    low, high = y.min(0), y.max(0)
    unit = (y - low) / np.where(high > low, high - low, 1.0)
    wanted = np.stack([(1 - unit[:, 1]) * (rows - 1), unit[:, 0] * (columns - 1)], 1)
    cells = np.stack(np.divmod(np.arange(rows * columns), columns), 1)
    _, chosen = linear_sum_assignment(squared_distances(wanted, cells.astype(np.float64)))
    return cells[chosen]
