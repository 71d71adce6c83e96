"""Batches of a unit: the rows and groups are the same from the networks as from the store."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.ledger import Ledger
from cluster.store import ActivationStore
from cluster.units import Unit
from jobs.batches import Extracted, Forward, Places, Stored, cut_rows, frame, rows_of
from jobs.images.manifest import Manifest, group
from jobs.inputs import Inputs
from jobs.plan import Plan
from jobs.steps.step import Needs
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import UNITS, Done, numbers, small

KEY = "a/conv1"
UNIT = Unit(1, 128, 256)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run with float32 activations."""
    extract = {"store": ["*"], "dtype": "float32", "positions": {"sample": 5}}
    return numbers(small(tmp_path_factory.mktemp("runs"), layers=["conv1"], extract=extract, steps=["evaluate"]))


@pytest.fixture(scope="module")
def opened(stored: Done) -> tuple[Inputs, Plan, Manifest]:
    """What a worker opens."""
    folder = Path(stored.finished.folder)
    inputs = Inputs(small(folder.parent), stored.blobs)
    return inputs, Plan.load(stored.blobs), Manifest.load(stored.blobs.read("images.jsonl.gz"))


def from_store(stored: Done, opened: tuple[Inputs, Plan, Manifest], needs: Needs) -> list[Extracted]:
    _, plan, manifest = opened
    ledger = Ledger(stored.blobs, stored.manifest["store_ledger"], UNITS)
    return list(Stored(plan, manifest, needs, ActivationStore.open(stored.blobs), ledger).batches(UNIT))


def test_both_origins_give_the_same_batches(stored: Done, opened: tuple[Inputs, Plan, Manifest]) -> None:
    needs = Needs(samples=frozenset([KEY]), maps=frozenset([KEY]))
    computed = list(Forward(*opened, needs, frozenset()).batches(UNIT))
    read = from_store(stored, opened, needs)
    assert len(computed) == len(read) == 128 // 16
    for one, other in zip(computed, read, strict=True):
        for name in ("rows", "groups", "labels"):
            np.testing.assert_array_equal(getattr(one.batch, name), getattr(other.batch, name))
        assert one.batch.ids == other.batch.ids
        np.testing.assert_array_equal(one.batch.samples[KEY], other.batch.samples[KEY])
        np.testing.assert_array_equal(one.batch.maps[KEY], other.batch.maps[KEY])


def test_a_batch_holds_what_its_rows_say(stored: Done, opened: tuple[Inputs, Plan, Manifest]) -> None:
    needs = Needs(samples=frozenset([KEY]), maps=frozenset([KEY]), logits=frozenset("b"))
    batch = list(Forward(*opened, needs, frozenset()).batches(UNIT))[2].batch
    assert batch.rows.tolist() == list(range(160, 176))
    images, labels = digits(digit_rows(stored.blobs)[160:176])
    np.testing.assert_array_equal(batch.labels, labels)
    assert batch.groups.tolist() == [group(id) for id in batch.ids]
    assert (np.diff(batch.groups) >= 0).all()
    np.testing.assert_allclose(batch.maps[KEY], maps(random_convnet(1), images, "conv1"), atol=1e-5)
    np.testing.assert_allclose(batch.logits["b"], maps(random_convnet(2), images)[:, :, 0, 0], atol=1e-5)
    assert set(batch.logits) == {"b"}
    assert batch.samples[KEY].shape == (16, 5, 6)


def test_what_is_kept_does_not_alias_the_network(opened: tuple[Inputs, Plan, Manifest]) -> None:
    needs = Needs(samples=frozenset([KEY]), maps=frozenset([KEY]))
    forward = Forward(*opened, needs, frozenset([KEY]))
    first, *_ = forward.batches(UNIT)
    kept = [
        np.array(torch.as_tensor(values).numpy())
        for values in (first.batch.samples[KEY], first.batch.maps[KEY], first.stored[KEY])
    ]
    list(forward.batches(Unit(0, 0, 128)))
    for values, before in zip((first.batch.samples[KEY], first.batch.maps[KEY], first.stored[KEY]), kept, strict=True):
        np.testing.assert_array_equal(values, before)


def test_bad_images_leave_the_batch_and_keep_their_row(opened: tuple[Inputs, Plan, Manifest]) -> None:
    _, plan, manifest = opened
    valid = np.array([True, False, True, True])
    batch = frame(plan, manifest, np.arange(8, 12), valid)
    assert batch.rows.tolist() == [8, 10, 11]
    values = torch.arange(8).reshape(4, 2)
    assert rows_of(values, valid).tolist() == [[0, 1], [4, 5], [6, 7]]
    assert rows_of(values, np.ones(4, bool)) is values


def test_fewer_groups_join_neighbors(opened: tuple[Inputs, Plan, Manifest]) -> None:
    _, plan, manifest = opened
    rows, valid = np.arange(128), np.ones(128, bool)
    for groups in (1, 2, 4, 8):
        few = frame(plan.model_copy(update={"groups": groups}), manifest, rows, valid).groups
        np.testing.assert_array_equal(few, manifest.groups[rows].astype(int) // (16 // groups))


def test_batches_end_with_the_unit() -> None:
    assert cut_rows(Unit(2, 256, 300), 16) == [(256, 272), (272, 288), (288, 300)]


def test_places_are_those_of_image_and_size_alone(opened: tuple[Inputs, Plan, Manifest]) -> None:
    _, plan, _ = opened
    places, ids = Places(plan), ["digits/00001", "digits/00007"]
    values = torch.arange(64.0).expand(2, 3, 64).reshape(2, 3, 8, 8)
    places.move_to(ids)
    together = places.samples(values)
    for row, id in enumerate(ids):
        places.move_to([id])
        np.testing.assert_array_equal(places.samples(values[:1])[0], together[row])
    assert not torch.equal(together[0], together[1])
