"""Joint sums: rectangles hold the pairs asked for, any split into blocks gives the joints of single layers."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.steps.joint_sums import Joints, JointSums, Rectangle, packed, rectangles, sums_bytes
from jobs.steps.step import Arrays, Batch

UNITS = {"a/one": 3, "a/two": 4, "a/far": 2, "b/one": 3, "b/two": 5}
PAIRS = tuple((x, y) for x in ("a/one", "a/two") for y in ("b/one", "b/two"))
IMAGES, GROUPS = 24, 4


def plan() -> Any:
    return SimpleNamespace(groups=GROUPS, units_of=UNITS.__getitem__, pivot=lambda layer: np.zeros(UNITS[layer]))


def batch(seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    samples = {layer: generator.normal(size=(IMAGES, 2, units)) for layer, units in UNITS.items()}
    groups = np.arange(IMAGES) * GROUPS // IMAGES
    return Batch(np.arange(IMAGES), ("",) * IMAGES, np.zeros(IMAGES, np.int64), groups, samples)


def summed(parts: tuple[Rectangle, ...], *batches: Batch) -> Arrays:
    sums = JointSums(plan(), parts)
    for one in batches:
        sums.update(one)
    return sums.arrays()


def test_a_rectangle_holds_all_pairs_of_its_layers() -> None:
    assert rectangles(PAIRS, lambda _: 0) == (Rectangle(("a/one", "a/two"), ("b/one", "b/two")),)


def test_layers_of_another_kind_have_a_rectangle_of_their_own() -> None:
    found = rectangles(PAIRS, lambda layer: layer == "b/two")
    assert set(found) == {Rectangle(("a/one", "a/two"), ("b/one",)), Rectangle(("a/one", "a/two"), ("b/two",))}
    lone = rectangles((("a/one", "b/one"), ("a/two", "b/two")), lambda _: 0)
    assert lone == (Rectangle(("a/one",), ("b/one",)), Rectangle(("a/two",), ("b/two",)))


@pytest.mark.parametrize("limit", [0, 3_000, 10**9])
def test_any_blocks_give_the_joints_of_numpy(limit: int) -> None:
    parts = rectangles(PAIRS, lambda _: 0)
    one = batch()
    arrays: dict[str, np.ndarray] = {}
    for block in packed(plan(), parts, limit):
        assert limit in (0, 10**9) or sums_bytes(plan(), block) <= limit or len(block) == 1
        arrays |= summed(block, one)
    joints = Joints(plan(), arrays)
    for x, y in PAIRS:
        values = [one.samples[layer].reshape(-1, UNITS[layer]) for layer in (x, y)]
        expected = np.cov(values[0].T, values[1].T, bias=True)
        found = joints.joint((x, y)).covariances()
        cut = UNITS[x]
        np.testing.assert_allclose(found.x, expected[:cut, :cut], atol=1e-12)
        np.testing.assert_allclose(found.y, expected[cut:, cut:], atol=1e-12)
        np.testing.assert_allclose(found.xy, expected[:cut, cut:], atol=1e-12)


def test_the_floor_meets_other_images() -> None:
    one = batch()
    found = Joints(plan(), summed((Rectangle(("a/one",), ("b/one",)),), one)).floor(("a/one", "b/one")).covariances()
    x, y = one.samples["a/one"], one.samples["b/one"]
    runs = [np.roll(y[start : start + 6], -1, axis=0) for start in range(0, IMAGES, 6)]
    moved = np.concatenate(runs).reshape(-1, 3)
    np.testing.assert_allclose(found.xy, np.cov(x.reshape(-1, 3).T, moved.T, bias=True)[:3, 3:], atol=1e-12)


def test_bytes_are_those_of_the_arrays() -> None:
    parts = rectangles(PAIRS, lambda _: 0)
    assert sums_bytes(plan(), parts) == sum(array.nbytes for array in summed(parts, batch()).values())


def test_a_layer_with_itself_is_one_block() -> None:
    pairs = tuple((x, y) for x in ("a/one", "a/two") for y in ("a/one", "a/two"))
    joints = Joints(plan(), summed(rectangles(pairs, lambda _: 0), batch()))
    found = joints.joint(("a/two", "a/two")).covariances()
    np.testing.assert_allclose(found.x, found.xy, atol=1e-12)
