"""Which frequencies of a real map are independent, how much each counts, and which two maps have in common.

The Fourier transform of a real map holds at every frequency the conjugate of its opposite. rfft2's half-plane leaves
most opposites out, but its column 0, and the last of an even width, still hold them: here every pair is taken once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Frequencies:
    """Two-dimensional frequencies in cycles a map, in the order of rfft2's half-plane."""

    rows: Int[np.ndarray, " frequencies"]
    """Vertical, signed; that of height / 2 is negative, as fftfreq has it."""
    columns: Int[np.ndarray, " frequencies"]
    """Horizontal, 0 to width // 2."""
    weights: Int[np.ndarray, " frequencies"]
    """How many of the map's frequencies each stands for: 2 where its opposite is another, else 1."""

    def index_in(self, other: "Frequencies") -> Int[np.ndarray, " frequencies"]:
        """Where each stands in a larger set; ValueError where one is not there."""
        places = {at: i for i, at in enumerate(zip(other.rows.tolist(), other.columns.tolist(), strict=True))}
        wanted = list(zip(self.rows.tolist(), self.columns.tolist(), strict=True))
        for at in wanted:
            if at not in places:
                raise ValueError(f"Frequency {at} is not among the other {len(places)}. Crop both sets alike first.")
        return np.array([places[at] for at in wanted], np.int64)

    def half_plane(self, height: int, width: int) -> Int[np.ndarray, " frequencies"]:
        """Indices into the flattened rfft2 of maps of this size; ValueError where these are too small."""
        needed_rows, needed_columns = 2 * np.abs(self.rows).max(), 2 * self.columns.max()
        if height < needed_rows or width < needed_columns:
            raise ValueError(
                f"Maps of {height} x {width} do not hold all frequencies, which need at least {needed_rows} x "
                f"{needed_columns}. Take those common to both maps."
            )
        return self.rows % height * (width // 2 + 1) + self.columns


def independent(height: int, width: int) -> Frequencies:
    """All frequencies of real maps, one of each two opposites: 130 at 16 x 16. The weights sum to height * width."""
    signed = (np.arange(height) + height // 2) % height - height // 2
    rows, columns = (plane.ravel() for plane in np.meshgrid(signed, np.arange(width // 2 + 1), indexing="ij"))
    same_column = 2 * columns % width == 0
    own_opposite = same_column & (2 * rows % height == 0)
    taken = ~same_column | own_opposite | (rows > 0)
    return Frequencies(rows[taken], columns[taken], np.where(own_opposite, 1, 2)[taken])


def common(size_x: tuple[int, int], size_y: tuple[int, int], crop: int | None = None) -> Frequencies:
    """The frequencies that maps of two sizes (height, width) share: all of them where the sizes are the same.

    Else, or where `crop` leaves only those of a map of crop x crop, both signs of a frequency must be there, so that
    the lines at half of an even size are left out. 1 x 1 has the mean alone.
    """
    if size_x == size_y and crop is None:
        return independent(*size_x)
    if crop is not None and crop < 1:
        raise ValueError(f"Maps cannot be cropped to {crop} frequencies a side. Give 1 or more; 1 is the mean alone.")
    sides = (min(pair) if crop is None else min(*pair, crop) for pair in zip(size_x, size_y, strict=True))
    height, width = (2 * ((side - 1) // 2) + 1 for side in sides)
    return independent(height, width)
