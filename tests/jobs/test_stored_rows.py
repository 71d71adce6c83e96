"""Rows read back from the store: the first images that are held, with their groups and classes, across what is not."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.blobs import open_blobs
from cluster.errors import MissingRows
from cluster.ledger import Ledger
from jobs.images.manifest import Manifest
from jobs.plan import Plan
from jobs.stored_rows import StoredRows
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import UNITS, Done, numbers, one_bad_of_twelve, small
from tests.jobs.steps.plain_layers import groups, layer_maps

STORE = {"store": ["*"], "dtype": "float32"}


def stored(run: Done) -> StoredRows:
    return StoredRows(Plan.load(run.blobs), run.blobs, run.manifest["store_ledger"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return numbers(small(tmp_path_factory.mktemp("runs"), layers=["conv3", "fc1"], extract=STORE, steps=["evaluate"]))


def test_the_first_images_in_the_order_of_the_run(run: Done) -> None:
    rows = stored(run).images(150)
    assert rows.tolist() == list(range(150)), "across the border of units"
    assert stored(run).images(10_000).tolist() == list(range(300))
    assert stored(run).images(128).tolist() == list(range(128))


def test_groups_and_labels_are_those_of_the_images(run: Done) -> None:
    held = stored(run)
    rows = held.images(200)
    assert held.groups(rows).tolist() == groups(run)[:200].tolist()
    assert held.labels(rows).tolist() == digits(digit_rows(run.blobs))[1][:200].tolist()
    held.plan = held.plan.model_copy(update={"groups": 4})
    assert held.groups(rows).tolist() == (groups(run)[:200] // 4).tolist(), "neighbors are joined"


@pytest.mark.parametrize("rows", [[0], [0, 1, 2], [5, 90, 127], [100, 140, 299], [299]])
@pytest.mark.parametrize("layer", ["conv3", "fc1"])
def test_whole_maps_of_chosen_rows(run: Done, layer: str, rows: list[int]) -> None:
    found = stored(run).maps(f"b/{layer}", np.array(rows))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, layer_maps(run, 2, layer)[rows], atol=1e-5)


def test_an_image_that_is_none_is_left_out(tmp_path: Path) -> None:
    folder = one_bad_of_twelve(tmp_path / "images")
    images: dict[str, Any] = {
        "source": "imagefolder", "root": str(folder.parent), "mode": "L", "unit": 4, "batch": 4, "limit": None,
        "max_bad": 0.1,
    }  # fmt: skip
    step = {"compare": {"measures": ["rsa"], "max_images": 10, "draws": 100}}
    done = numbers(small(tmp_path, images=images, layers=["conv1"], extract=STORE, steps=[step]))
    manifest = Manifest.load(done.blobs.read("images.jsonl.gz"))
    (bad,) = (row for row, entry in enumerate(manifest.entries) if entry.id == "digit/03.png")
    every = [row for row in range(12) if row != bad]
    assert stored(done).images(12).tolist() == every
    assert stored(done).images(10).tolist() == every[:10]
    assert done.results("compare")["similarity"]["rsa_samples"].values.tolist() == [10]


@pytest.fixture
def holed(run: Done, tmp_path: Path) -> StoredRows:
    """A copy of the run whose second unit of three failed for good."""
    shutil.copytree(run.finished.folder, tmp_path, dirs_exist_ok=True)
    blobs, name = open_blobs(str(tmp_path)), run.manifest["store_ledger"]
    (record,) = (found for found in blobs.list(f"ledger/{name}") if "unit-00001" in found)
    (tmp_path / record).unlink()
    Ledger(blobs, name, UNITS).skip(1, "nine is too many")
    return StoredRows(Plan.load(blobs), blobs, name)


def test_a_unit_that_was_skipped_is_left_out(run: Done, holed: StoredRows) -> None:
    assert holed.images(300).tolist() == [*range(128), *range(256, 300)]
    rows = holed.images(130)
    assert rows.tolist() == [*range(128), 256, 257]
    found = holed.maps("a/fc1", rows)
    np.testing.assert_array_equal(found, stored(run).maps("a/fc1", rows))
    np.testing.assert_allclose(found, layer_maps(run, 1, "fc1")[rows], atol=1e-5)
    assert holed.labels(rows).tolist() == stored(run).labels(rows).tolist()


def test_a_row_that_is_not_held_is_never_zeros(holed: StoredRows) -> None:
    with pytest.raises(MissingRows, match="does not hold unit 1"):
        holed.maps("a/fc1", np.array([127, 128]))
