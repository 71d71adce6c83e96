"""Chunks divide shards and shards divide units, for any unit; sizes are as near to the wanted ones as that allows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import Refused
from cluster.geometry import CHUNK_BYTES, MIB, SHARD_BYTES, DType, LayerGeometry, layer_geometry

shapes = st.tuples(st.integers(1, 512), st.integers(1, 112), st.integers(1, 112))


@settings(deadline=None)
@given(shapes, st.sampled_from(["float16", "float32"]), st.integers(1, 1100))
def test_no_shard_is_shared_and_no_image_is_cut(shape: tuple[int, int, int], dtype: DType, unit: int) -> None:
    geometry = layer_geometry(shape, dtype, unit)
    geometry.check("a/conv1", unit)
    assert unit % geometry.shard_rows == 0
    assert geometry.shard_rows % geometry.chunk_rows == 0
    assert geometry.shard_bytes <= SHARD_BYTES or geometry.shard_rows == 1


@settings(deadline=None)
@given(shapes, st.sampled_from(["float16", "float32"]), st.integers(0, 10))
def test_a_power_of_two_unit_gets_chunks_of_two_to_six_megabytes(
    shape: tuple[int, int, int], dtype: DType, power: int
) -> None:
    geometry = layer_geometry(shape, dtype, 2**power)
    chunk_bytes = geometry.row_bytes * geometry.chunk_rows
    assert geometry.chunk_rows.bit_count() == 1
    if geometry.row_bytes > CHUNK_BYTES[1]:
        assert geometry.chunk_rows == 1
    elif geometry.row_bytes * 2**power < CHUNK_BYTES[0]:
        assert geometry.chunk_rows == 2**power
    else:
        assert CHUNK_BYTES[0] <= chunk_bytes <= CHUNK_BYTES[1]


@pytest.mark.parametrize(
    ("shape", "unit", "chunk", "shard"),
    [
        ((64, 55, 55), 512, 8, 128),  # 3.0 and 47 MiB
        ((10, 1, 1), 512, 512, 512),  # 10 kB: a unit is one chunk
        ((64, 112, 112), 512, 2, 32),
        ((64, 55, 55), 500, 10, 100),
        ((1024, 112, 112), 512, 1, 2),  # 24.5 MiB an image
        ((3, 8, 8), 1, 1, 1),
    ],
)
def test_known_layers(shape: tuple[int, int, int], unit: int, chunk: int, shard: int) -> None:
    geometry = layer_geometry(shape, "float16", unit)
    assert (geometry.chunk_rows, geometry.shard_rows) == (chunk, shard)


def test_bytes() -> None:
    geometry = LayerGeometry((64, 32, 32), "float32", 4, 8)
    assert (geometry.row_bytes, geometry.shard_bytes) == (MIB // 4, 2 * MIB)


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (
            LayerGeometry((4, 2, 2), "float16", 32, 96),
            r"a/c: a shard of 96 rows does not divide a unit of 512, so two wr",
        ),
        (LayerGeometry((4, 2, 2), "float16", 32, 1024), r"make images\.unit a multiple of 1024"),
        (LayerGeometry((4, 2, 2), "float16", 24, 64), r"a/c: chunks of 24 rows do not divide a shard of 64"),
        (LayerGeometry((4, 0, 2), "float16", 1, 1), r"a/c has the shape \(4, 0, 2\)"),
        (LayerGeometry((4, 2, 2), "int8", 1, 1), r"dtype int8; expected"),  # type: ignore[arg-type]
    ],
)
def test_geometry_in_which_writers_would_meet_is_refused(geometry: LayerGeometry, message: str) -> None:
    with pytest.raises(Refused, match=message):
        geometry.check("a/c", 512)


def test_a_layer_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="must be positive"):
        layer_geometry((0, 1, 1), "float16", 512)
