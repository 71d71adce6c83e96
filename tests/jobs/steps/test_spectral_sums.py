"""Spectral sums: any blocks, cut across layers or frequencies, give the blocks of NumPy's transform."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.steps.joint_sums import rectangles
from jobs.steps.spectral_sums import SpectralJoints, SpectralSums, own_frequencies, packed_spectra, spectra_bytes
from jobs.steps.step import Arrays, Batch

SHAPES = {"a/one": (3, 6, 6), "a/two": (4, 6, 6), "a/half": (4, 3, 3), "b/one": (3, 6, 6), "b/half": (2, 3, 3)}
IMAGES, GROUPS = 24, 4
EQUAL = (("a/one", "b/one"), ("a/two", "b/one"), ("a/half", "b/half"))
EVERY = tuple((x, y) for x in ("a/one", "a/two", "a/half") for y in ("b/one", "b/half"))


def plan() -> Any:
    return SimpleNamespace(groups=GROUPS, units_of=lambda layer: SHAPES[layer][0], shapes=SHAPES)


def batch() -> Batch:
    generator = np.random.default_rng(0)
    maps = {layer: generator.normal(size=(IMAGES, *shape)) for layer, shape in SHAPES.items()}
    groups = np.arange(IMAGES) * GROUPS // IMAGES
    return Batch(np.arange(IMAGES), ("",) * IMAGES, np.zeros(IMAGES, np.int64), groups, maps=maps)


def summed(pairs: tuple[tuple[str, str], ...], crop: int | None, limit: int) -> Arrays:
    parts = rectangles(pairs, lambda layer: own_frequencies(plan(), layer, crop))
    arrays: Arrays = {}
    for block, span in packed_spectra(plan(), parts, crop, limit):
        sums = SpectralSums(plan(), block, crop, span)
        sums.update(batch())
        found = sums.arrays()
        assert sum(array.nbytes for array in found.values()) == spectra_bytes(plan(), block, crop, span)
        arrays |= found
    return arrays


def covariance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of (images, units), the second conjugated."""
    return (x - x.mean(0)).T @ np.conj(y - y.mean(0)) / len(x)


@pytest.mark.parametrize("limit", [0, 20_000, 10**9])
@pytest.mark.parametrize(("pairs", "crop"), [(EQUAL, None), (EVERY, 3), (EVERY, 6)])
def test_any_blocks_are_those_of_numpy(pairs: tuple[tuple[str, str], ...], crop: int | None, limit: int) -> None:
    joints, maps = SpectralJoints(plan(), summed(pairs, crop, limit), crop), batch().maps
    for pair in pairs:
        joint = joints.joint(pair)
        found = joint.covariances()
        planes = [np.fft.fft2(maps[layer], norm="forward") for layer in pair]
        for at, (row, column) in enumerate(zip(joint.frequencies.rows, joint.frequencies.columns, strict=True)):
            x, y = (plane[:, :, row, column] for plane in planes)
            np.testing.assert_allclose(found.x[at], covariance(x, x), atol=1e-12)
            np.testing.assert_allclose(found.y[at], covariance(y, y), atol=1e-12)
            np.testing.assert_allclose(found.xy[at], covariance(x, y), atol=1e-12)


def test_the_floor_meets_other_images() -> None:
    joints, maps = SpectralJoints(plan(), summed(EQUAL, None, 10**9), None), batch().maps
    found = joints.floor(("a/one", "b/one")).covariances().xy[0]
    y = np.concatenate([np.roll(maps["b/one"][start : start + 6], -1, axis=0) for start in range(0, IMAGES, 6)])
    np.testing.assert_allclose(found, covariance(maps["a/one"].mean((2, 3)), y.mean((2, 3))), atol=1e-12)
