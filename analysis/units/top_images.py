"""Which images excite a unit most, and where? The k largest maxima of every channel (Zeiler & Fergus, arXiv:1311.2901).

An image enters once, with the largest value of its map. Equal values are ordered by image, so that any split of the
images, any order and any tree of merges give the same bits. A direction in the space of a layer's channels is a unit
as well: `projected` makes its maps.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.arrays import Array, as_float64, device_of, namespace, readable, to_numpy

NONE = -1
"""The row and the position where fewer than k images were seen."""


@dataclass(frozen=True)
class TopImages:
    """The k images of largest maximum for every unit, largest first. An image may be in one of two merged sets only."""

    values: Float[np.ndarray, "units k"]
    """The maximum of the map; -inf where fewer than k images were seen."""
    rows: Int[np.ndarray, "units k"]
    """The image, or NONE."""
    positions: Int[np.ndarray, "units k"]
    """The flat row-major place of the maximum in its map, the lowest of equal ones, or NONE."""

    def merge(self, other: "TopImages") -> "TopImages":
        """Both sets of images together, associative and commutative; ValueError where units or k differ."""
        if self.values.shape != other.values.shape:
            raise ValueError(
                f"Top images of shapes {self.values.shape} and {other.values.shape} cannot be merged: "
                "count both for the same units with the same k."
            )
        values, rows, positions = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=1)
            for name in ("values", "rows", "positions")
        )
        best = np.lexsort((positions, rows, -values))[:, : self.values.shape[1]]
        return TopImages(*(np.take_along_axis(x, best, axis=1) for x in (values, rows, positions)))


def top_images(
    maps: Float[Array, "images units height width"], rows: Int[np.ndarray, " rows"], k: int = 9
) -> TopImages:
    """The k largest maxima of every unit over these images, ties to the lower row; `rows` holds each image's number.

    Maxima are found on the maps' device; two numbers a map reach the host. NaN is below every number, and a map
    without a number above -inf is never chosen (`Distribution.nans` counts NaN). A zero has no sign here.
    Raises ValueError for k below 1 and where `rows` and `maps` differ in length.
    """
    if k < 1:
        raise ValueError(f"k is {k}; at least 1 image a unit must be asked for.")
    if len(rows) != maps.shape[0]:
        raise ValueError(f"There are {len(rows)} rows for {maps.shape[0]} images; give one row an image.")
    maps = readable(maps)
    by_row = np.argsort(rows, kind="stable")
    largest, places = (found[by_row] for found in _largest(maps))
    order = np.argsort(-largest, axis=0, kind="stable")[:k]
    values = np.take_along_axis(largest, order, axis=0) + 0.0  # -0 + 0 is +0
    seen, padding = values > -np.inf, ((0, 0), (0, k - len(order)))
    return TopImages(
        np.pad(values.T, padding, constant_values=-np.inf),
        np.pad(np.where(seen, rows[by_row[order]], NONE).T, padding, constant_values=NONE),
        np.pad(np.where(seen, np.take_along_axis(places, order, axis=0), NONE).T, padding, constant_values=NONE),
    )


def projected(
    maps: Float[Array, "images units height width"], directions: Float[np.ndarray, "units directions"]
) -> Float[Array, "images directions height width"]:
    """Maps of directions: at every place the sum over channels of the values times each column of `directions`.

    In the type of the maps, or float32 for half precision. The length of a direction scales its values and leaves the
    order of images.
    """
    xp = namespace(maps)
    images, units, height, width = maps.shape
    rows = xp.reshape(maps, (images, units, height * width))
    if xp.finfo(maps.dtype).bits == 16:
        rows = xp.astype(rows, xp.float32)
    weights = xp.asarray(directions.T, dtype=rows.dtype, device=device_of(maps))
    return xp.reshape(xp.matmul(weights, rows), (images, directions.shape[1], height, width))


def _largest(maps: Array) -> tuple[Float[np.ndarray, "images units"], Int[np.ndarray, "images units"]]:
    """Maximum of every map and its place, the first of equal ones; -inf where the map holds no number.

    NaN is looked for only where a maximum says there is one.
    """
    xp = namespace(maps)
    flat = xp.reshape(maps, (*maps.shape[:2], maps.shape[2] * maps.shape[3]))
    places = xp.argmax(flat, axis=2, keepdims=True)
    largest = xp.take_along_axis(flat, places, axis=2)
    if bool(xp.any(xp.isnan(largest))):
        flat = xp.where(xp.isnan(flat), xp.asarray(-np.inf, dtype=flat.dtype, device=device_of(flat)), flat)
        places = xp.argmax(flat, axis=2, keepdims=True)
        largest = xp.take_along_axis(flat, places, axis=2)
    return as_float64(largest[:, :, 0]), to_numpy(places[:, :, 0])
