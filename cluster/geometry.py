"""How a layer's activations are cut: chunks (read at once) inside shards (files) inside units (one writer's work).

A chunk divides its shard and a shard divides the unit, so no two writers ever share a file: two that write parts of
one shard lose rows without a word.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from cluster.errors import Refused

DType: TypeAlias = Literal["float16", "float32"]

MIB = 2**20
CHUNK_BYTES = (2 * MIB, 6 * MIB)  # below, the time goes into calls; above, into caches that no longer hold it
SHARD_BYTES = 64 * MIB
SHARD_CHUNKS = 16


@dataclass(frozen=True)
class LayerGeometry:
    """The shape of one layer's array and how its rows are cut."""

    shape: tuple[int, ...]
    """Of one image's activations: (C, H, W)."""
    dtype: DType
    chunk_rows: int
    """Images a chunk."""
    shard_rows: int
    """Images a shard: a multiple of `chunk_rows`."""

    @property
    def row_bytes(self) -> int:
        """Uncompressed bytes of one image."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def shard_bytes(self) -> int:
        """Uncompressed bytes of one shard."""
        return self.row_bytes * self.shard_rows

    def check(self, layer: str, unit: int) -> None:
        """Raises Refused unless chunks divide shards and shards divide units of `unit` images."""
        if not self.shape or min(self.shape) < 1 or self.dtype not in ("float16", "float32"):
            raise Refused(
                f"{layer} has the shape {self.shape} and dtype {self.dtype}; expected (C, H, W) of float16/32."
            )
        if self.chunk_rows < 1 or self.shard_rows < 1 or self.shard_rows % self.chunk_rows:
            raise Refused(f"{layer}: chunks of {self.chunk_rows} rows do not divide a shard of {self.shard_rows}.")
        if unit % self.shard_rows:
            raise Refused(
                f"{layer}: a shard of {self.shard_rows} rows does not divide a unit of {unit}, so two writers would "
                f"share it and lose rows; make images.unit a multiple of {self.shard_rows}."
            )

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype} in chunks of {self.chunk_rows} rows, shards of {self.shard_rows}"


def layer_geometry(shape: tuple[int, ...], dtype: DType, unit: int) -> LayerGeometry:
    """Chunks of 2 to 6 MiB and shards of up to 16 chunks and 64 MiB, for units of `unit` images (any positive number).

    Where no number of rows that divides the unit gives such a chunk, the nearest one is taken; an image is never cut.
    A unit with many divisors fits best; a prime one may leave a shard an image.
    """
    if unit < 1 or not shape or min(shape) < 1:
        raise Refused(f"A layer of shape {shape} in units of {unit} images has no rows; both must be positive.")
    row_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    dividing = [rows for rows in range(1, unit + 1) if unit % rows == 0]
    chunks = [rows for rows in dividing if rows == 1 or rows * row_bytes <= SHARD_BYTES]
    chunk = min(chunks, key=lambda rows: _misfit(rows, row_bytes))
    most = max(chunk, SHARD_BYTES // row_bytes)
    if chunk * row_bytes >= CHUNK_BYTES[0]:  # Smaller chunks are many to a shard, or the shards would be tiny files.
        most = min(most, chunk * SHARD_CHUNKS)
    shard = max(rows for rows in dividing if rows % chunk == 0 and rows <= most)
    return LayerGeometry(tuple(shape), dtype, chunk, shard)


def _misfit(rows: int, row_bytes: int) -> tuple[float, bool, float]:
    """How far (log of the ratio) from 2 to 6 MiB; then powers of two first, as batches are; then nearest 4 MiB."""
    size = rows * row_bytes
    low, high = CHUNK_BYTES
    outside = max(math.log(low / size), math.log(size / high), 0.0)
    return outside, rows & (rows - 1) != 0, abs(math.log(size / (4 * MIB)))
