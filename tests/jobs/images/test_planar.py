"""Points as images: exactly those that were drawn, through the source, training's tensors and a whole run's store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from analysis.units.planar_data import Planar, rings, spiral, two_moons
from jobs.images.planar import PlanarOptions, PlanarPoints
from jobs.images.preprocess import build_preprocess
from jobs.nets.samples import Samples, decode
from jobs.plan import Plan
from jobs.stored_rows import StoredRows
from tests.jobs.small import numbers, small


def decoded(**options: Any) -> Samples:
    source = PlanarPoints(PlanarOptions.model_validate(options))
    return decode(source, source.index(), build_preprocess(None))


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({}, two_moons(300, noise=0.05, seed=0)),
        ({"points": 7, "seed": 3, "noise": 0.2}, two_moons(7, noise=0.2, seed=6)),
        ({"kind": "spiral", "points": 9, "arms": 3, "turns": 2, "noise": 0}, spiral(9, 0, 0, arms=3, turns=2)),
        ({"kind": "rings", "points": 9, "count": 4}, rings(9, noise=0.05, seed=0, count=4)),
    ],
)
def test_a_network_sees_the_numbers_that_were_drawn(options: dict[str, Any], drawn: Planar) -> None:
    found = decoded(split="train", **options)
    assert found.images.dtype == torch.float32
    assert found.images.shape[1:] == (1, 1, 2)
    np.testing.assert_array_equal(found.images.flatten(1).numpy(), drawn.points)
    np.testing.assert_array_equal(found.labels.numpy(), drawn.labels)


def test_splits_are_drawn_apart_and_all_is_both() -> None:
    """And no seed tests on what another trains on."""
    parts = [
        decoded(points=50, seed=seed, split=split).images.flatten(1) for seed in (0, 1) for split in ("train", "test")
    ]
    values = torch.cat(parts).numpy()
    assert len(np.unique(values, axis=0)) == len(values) == 200
    np.testing.assert_array_equal(decoded(points=50).images.flatten(1).numpy(), values[:100])


@pytest.mark.parametrize(
    ("options", "classes"),
    [({}, 2), ({"kind": "spiral", "arms": 5}, 5), ({"kind": "rings", "count": 3}, 3)],
)
def test_classes_are_numbered(options: dict[str, Any], classes: int) -> None:
    source = PlanarPoints(PlanarOptions(points=10, **options))
    assert source.classes == tuple(map(str, range(classes)))
    assert {entry.label for entry in source.index()} == set(range(classes))


def test_the_store_of_a_run_holds_the_points(tmp_path: Path) -> None:
    images = {"source": "planar", "points": 40, "unit": 32, "limit": 70}
    extract = {"store": ["input"], "dtype": "float32"}
    nets = {"a": {"arch": "mlp2d", "options": {"width": 3}}}
    run = numbers(small(tmp_path, images=images, nets=nets, layers=["input"], steps=["evaluate"], extract=extract))
    held = StoredRows(Plan.load(run.blobs), run.blobs, run.manifest["store_ledger"])
    drawn = {
        f"planar/{split}/{row:05d}": point
        for seed, split in enumerate(("train", "test"))
        for row, point in enumerate(two_moons(40, noise=0.05, seed=seed).points)
    }
    expected = np.array([drawn[entry.id] for entry in held.manifest.entries])
    assert expected.shape == (70, 2)
    np.testing.assert_array_equal(held.maps("a/input", held.images(100)).reshape(-1, 2), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arms": 3}, "arms: two_moons has none; leave it out, or set kind: spiral"),
        ({"kind": "spiral", "count": 3}, "count: spiral has none; leave it out, or set kind: rings"),
        ({"mode": "L"}, "mode: points are numbers, not colors; leave it out"),
        ({"kind": "moons"}, "'two_moons', 'spiral' or 'rings'"),
        ({"noise": float("nan")}, "finite number"),
        ({"points": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_do_not_suit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlanarOptions.model_validate(options)
    assert message in str(caught.value)
