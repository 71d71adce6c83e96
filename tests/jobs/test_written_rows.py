"""Rows that a step writes of every image: under its own ledger, zeros for bad images, the same bytes after a resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.errors import MissingRows
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from jobs.errors import FailedError
from jobs.extract import IMAGES
from jobs.images.manifest import Manifest
from jobs.memory import projection
from jobs.passes import layout
from jobs.plan import Plan
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import UNITS, Done, numbers, one_bad_of_twelve, small
from tests.jobs.tiny_steps import Doubled, Mean, in_place_of_the_study

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
CONV3 = Doubled("a/conv3", (12, 4, 4))


def study(folder: Path, **changes: Any) -> Study:
    few = {"limit": 70, "unit": 32}
    return small(folder, **{"nets": ONE, "layers": ["conv1", "conv3"], "images": few, **changes})


def ledger(run: Done, number: int = 0) -> Ledger:
    """Of the only block of one of the steps."""
    name = run.manifest["steps"][number]
    (found,) = {path.split("/")[1] for path in run.blobs.list("ledger") if path.startswith(f"ledger/{name}/unit")}
    return Ledger(run.blobs, found, -(-Plan.load(run.blobs).rows // Plan.load(run.blobs).unit))


def written(run: Done, name: str = "maps", number: int = 0) -> np.ndarray:
    held, store = ledger(run, number), ActivationStore.open(run.blobs)
    return store.read(f"{held.name}/{name}", 0, store.rows, held)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Done:
    with in_place_of_the_study(Doubled(), CONV3):
        return numbers(study(tmp_path_factory.mktemp("runs"), extract={"store": ["conv1"]}))


def test_every_image_has_its_rows(whole: Done) -> None:
    images = digits(digit_rows(whole.blobs))[0]
    for number, layer in enumerate(("conv1", "conv3")):
        expected = 2 * maps(random_convnet(1), images, layer)
        np.testing.assert_allclose(written(whole, number=number), expected, atol=1e-5)
        means = written(whole, "means", number)
        np.testing.assert_allclose(means, expected.mean((2, 3), keepdims=True), atol=1e-5)
    assert whole.watching.done() == {"images": UNITS}, "one pass for both, and for the layers that the study stores"


def test_rows_are_float32_whatever_the_study_stores_layers_in(whole: Done) -> None:
    assert written(whole).dtype == np.float32
    store = ActivationStore.open(whole.blobs)
    held = Ledger(whole.blobs, whole.manifest["store_ledger"], UNITS)
    assert store.read("a/conv1", 0, 70, held).dtype == np.float16
    np.testing.assert_allclose(store.read("a/conv1", 0, 70, held), written(whole) / 2, atol=2e-3)


def test_a_ledger_answers_for_its_own_rows_alone(whole: Done) -> None:
    first, second = ledger(whole), ledger(whole, 1)
    store = ActivationStore.open(whole.blobs)
    assert store.read(f"{first.name}/maps", 20, 60, first).shape == (40, 6, 8, 8)
    for layer, held in ((f"{first.name}/maps", second), ("a/conv1", first)):
        with pytest.raises(MissingRows, match="does not hold unit 0"):
            store.read(layer, 20, 60, held)


def test_the_step_has_its_sums_too(whole: Done) -> None:
    expected = maps(random_convnet(1), digits(digit_rows(whole.blobs))[0], "conv1").mean((0, 2, 3))
    (name,) = (name for name in whole.manifest["steps"][:1])
    found = whole.results(name)["all"]["mean"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def bad_images(folder: Path, unit: int) -> dict[str, Any]:
    root = one_bad_of_twelve(folder / "images").parent
    return {"source": "imagefolder", "root": str(root), "mode": "L", "unit": unit, "limit": None, "max_bad": 1}


@pytest.mark.parametrize("unit", [4, 1])
def test_bad_images_are_zeros(tmp_path: Path, unit: int) -> None:
    """In a unit of one image there is no other: its reducer sees no batch at all."""
    with in_place_of_the_study(Doubled()):
        run = numbers(study(tmp_path, images=bad_images(tmp_path, unit)))
    rows, held = written(run), ledger(run)
    (bad,) = (row for row, entry in enumerate(Manifest.load(run.blobs.read(IMAGES)).entries) if "03" in entry.id)
    empty = np.flatnonzero((rows == 0).all((1, 2, 3)))
    assert empty.tolist() == [bad]
    assert np.flatnonzero(~ActivationStore.open(run.blobs).valid(0, 12, held)).tolist() == [bad]


@pytest.mark.parametrize("died_at", [0, 4, 8])
def test_a_driver_that_dies_leaves_nothing_that_differs(
    whole: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died_at: int
) -> None:
    """Three ledgers of three units: before any commit, between the ledgers of a unit, before the last."""
    commit, left = Ledger.commit, [died_at]

    def dying(self: Ledger, *arguments: Any) -> bool:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return commit(self, *arguments)

    asked = study(tmp_path, extract={"store": ["conv1"]})
    with in_place_of_the_study(Doubled(), CONV3):
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "commit", dying)
            with pytest.raises(KeyboardInterrupt):
                numbers(asked)
        resumed = numbers(asked)
    assert resumed.watching.done() == {"images": UNITS - died_at // 3}
    assert resumed.bits() == whole.bits()


def test_a_step_that_is_added_leaves_the_rows_of_others_alone(tmp_path: Path) -> None:
    with in_place_of_the_study(Doubled()):
        first = numbers(study(tmp_path))
    before = first.bits("activations")
    with in_place_of_the_study(Doubled(), CONV3):
        grown = numbers(study(tmp_path))
    assert grown.watching.done() == {"images": UNITS}
    after = grown.bits("activations")
    assert {name: after[name] for name in before if "/c/" in name} == {n: b for n, b in before.items() if "/c/" in n}
    np.testing.assert_allclose(written(grown, number=1), 2 * plain(grown, "conv3"), atol=1e-5)
    assert numbers_again(tmp_path).watching.done() == {}


def plain(run: Done, layer: str) -> np.ndarray:
    return maps(random_convnet(1), digits(digit_rows(run.blobs))[0], layer)


def numbers_again(folder: Path) -> Done:
    with in_place_of_the_study(Doubled(), CONV3):
        return numbers(study(folder))


def test_rows_are_written_from_stored_activations_too(tmp_path: Path) -> None:
    extract = {"store": ["conv1"], "statistics": [], "dtype": "float32"}
    with in_place_of_the_study(Doubled()):
        run = numbers(study(tmp_path, layers=["conv1"], extract=extract))
    assert run.watching.done() == {"images": UNITS, "reading the store": UNITS}
    np.testing.assert_allclose(written(run), 2 * plain(run, "conv1"), atol=1e-5)


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    with (
        in_place_of_the_study(Doubled("a/conv3", (12, 8, 8))),
        pytest.raises(FailedError, match="was declared with rows of"),
    ):
        numbers(study(tmp_path, resources={"retries": 0}))


def test_the_writer_of_rows_is_in_the_projection(tmp_path: Path) -> None:
    with in_place_of_the_study(Doubled()):
        run = numbers(study(tmp_path))
        plan = Plan.load(run.blobs)
        assert projection(plan, [Doubled()], ()).writer > projection(plan, [Mean()], ()).writer == 0
        assert [part.written(plan) for work in layout(study(tmp_path), plan).works for part in work.parts]
