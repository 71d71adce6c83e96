"""A study that changes: what was computed stays, what is new is computed, and nothing stale is ever taken for it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from jobs.commands import redraw
from jobs.nets.build import build
from jobs.nets.weights import save_weights
from tests.jobs.small import NETS, TRAINED, UNITS, Done, numbers, ran, small

HERE = "tests.jobs.test_run_growth"
CORRELATE = {"correlate": {"pairs": [["conv1", "conv1"]], "draws": 100}}


def leaky(in_shape: tuple[int, int, int], classes: int, slope: float = 0.1) -> nn.Module:
    """Two of these with one state can differ in what they compute."""
    net = nn.Sequential(nn.Conv2d(in_shape[0], 4, 3), nn.LeakyReLU(slope), nn.Flatten(), nn.Linear(144, classes))
    return net


def saved_convnet(path: Path, seed: int) -> dict[str, Any]:
    save_weights(build("convnet", (1, 8, 8), 10, {"width": 4}, (), seed), path)
    return {"arch": "convnet", "weights": str(path), "options": {"width": 4}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A finished study."""
    return numbers(small(tmp_path_factory.mktemp("runs"), steps=[CORRELATE]))


@pytest.fixture
def first(finished: Done, tmp_path: Path) -> Done:
    """A copy of it, to be changed: where runs lie enters no key."""
    folder = Path(finished.finished.folder)
    shutil.copytree(folder.parent, tmp_path, dirs_exist_ok=True)
    return replace(finished, finished=replace(finished.finished, folder=str(tmp_path / folder.name)))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [CORRELATE, {"correlate": {"pairs": [["fc1", "fc1"]]}}]},
        {"steps": [{"correlate": {"pairs": [["conv1", "conv1"]], "draws": 200}}]},
        {"steps": [CORRELATE], "layers": ["conv1", "fc1", "conv2"], "extract": {"store": ["conv2"]}},
        {"steps": [{"correlate": {"draws": 100}}], "layers": ["conv1", "conv3", "fc1"]},
    ],
    ids=["a step", "other options", "a stored layer", "a layer"],
)
def test_growth_computes_what_is_new(tmp_path: Path, first: Done, change: dict[str, Any]) -> None:
    records, manifest = first.records(), first.manifest
    before = {**records, **first.bits("results")}
    plan = json.loads(first.blobs.read("plan.json"))
    grown = numbers(small(tmp_path, **change))
    assert grown.finished.folder == first.finished.folder
    assert grown.finished.computed_units == UNITS
    after = {**grown.records(), **grown.bits("results")}
    assert {name: after[name] for name in before} == before
    assert len(grown.records()) == len(records) + UNITS
    pivots = json.loads(grown.blobs.read("plan.json"))["pivots"]
    assert {name: pivot for name, pivot in pivots.items() if name in plan["shapes"]} == plan["pivots"]
    back = numbers(small(tmp_path, steps=[CORRELATE]))
    assert back.finished.computed_units == 0
    assert back.manifest == manifest


def test_grown_numbers_are_those_of_a_fresh_run(tmp_path: Path, first: Done) -> None:
    study: dict[str, Any] = {"layers": ["conv3", "conv1", "fc1"], "extract": {"store": ["conv3"]}}
    grown, fresh = numbers(small(tmp_path, **study)), numbers(small(tmp_path / "fresh", **study))
    assert first.finished.folder == grown.finished.folder
    assert grown.manifest == fresh.manifest
    assert {name: data for name, data in grown.bits().items() if name in fresh.bits()} == fresh.bits()


def test_more_stored_layers_leave_what_was_read(tmp_path: Path) -> None:
    study: dict[str, Any] = {"steps": [CORRELATE], "layers": ["conv1", "fc1"]}
    few = numbers(small(tmp_path, **study, extract={"store": ["conv1"], "statistics": []}))
    before = {**few.records(), **few.bits("results")}
    more = numbers(small(tmp_path, **study, extract={"store": ["*"], "statistics": []}))
    assert more.watching.done() == {"images": UNITS}
    after = {**more.records(), **more.bits("results"), **more.bits("activations")}
    assert {name: after[name] for name in before} == before
    assert set(more.manifest["stored"]) == {"a/conv1", "a/fc1", "b/conv1", "b/fc1"}


@pytest.mark.parametrize(
    "change",
    [
        {"images": {"seed": 1}},
        {"images": {"unit": 64}},
        {"images": {"batch": 8}},
        {"images": {"preprocess": [{"Normalize": {"mean": [0.1], "std": [1.0]}}]}},
        {"extract": {"positions": "center"}},
        {"nets": {**NETS, "b": {**NETS["b"], "seed": 3}}},
    ],
    ids=str,
)
def test_another_input_is_another_run(tmp_path: Path, first: Done, change: dict[str, Any]) -> None:
    before = first.bits("")
    other = numbers(small(tmp_path, layers=["conv1"], **{"steps": ["evaluate"], **change}))
    assert other.finished.folder != first.finished.folder
    assert other.finished.computed_units == len(other.records())
    assert first.bits("") == before


def test_what_changes_no_number_is_the_same_run(tmp_path: Path, first: Done) -> None:
    same = numbers(
        small(tmp_path, steps=[CORRELATE], images={"max_bad": 0.5}, resources={"retries": 1, "memory": "3GB"}),
    )
    assert same.finished.folder == first.finished.folder
    assert same.finished.computed_units == 0


def test_other_weights_under_the_same_path(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    folders = []
    for seed in (5, 6, 5):
        study = small(tmp_path, nets={"a": saved_convnet(path, seed)}, layers=["conv1"], steps=["evaluate"])
        folders.append(numbers(study).finished.folder)
    assert folders[0] == folders[2] != folders[1]


def test_the_same_weights_elsewhere(tmp_path: Path) -> None:
    """Weights and images that were moved are found where they are now, and the run goes on."""
    path, data = tmp_path / "net.safetensors", tmp_path / "images.npz"
    digits = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    np.savez(data, images=digits, labels=np.arange(24) % 10)
    net = saved_convnet(path, 5)
    images = {"source": "npz", "file": str(data), "unit": 8, "limit": None}
    one = numbers(small(tmp_path, nets={"a": net}, layers=["conv1"], images=images, steps=["evaluate"]))
    (tmp_path / "moved").mkdir()
    shutil.move(path, tmp_path / "moved" / path.name)
    shutil.move(data, tmp_path / "moved" / data.name)
    net["weights"], images["file"] = str(tmp_path / "moved" / path.name), str(tmp_path / "moved" / data.name)
    study = {"nets": {"a": net}, "images": images, "steps": [{"correlate": {"nets": ["a", "a"]}}]}
    two = numbers(small(tmp_path, **study, layers=["conv1", "conv2"]))
    assert two.finished.folder == one.finished.folder
    assert "moved" in two.blobs.read("plan.json").decode()


def test_the_same_weights_in_another_function(tmp_path: Path) -> None:
    found = []
    for slope in (0.1, 0.9):
        net = {"arch": f"{HERE}:leaky", "options": {"slope": slope}, "seed": 1}
        study = small(tmp_path, nets={"a": net}, layers=["1"], steps=[{"correlate": {"nets": ["a", "a"]}}])
        found.append(numbers(study, allow_code=(HERE,)))
    assert found[0].finished.folder != found[1].finished.folder
    assert np.abs(found[0].results()["1"]["mean_a"] - found[1].results()["1"]["mean_a"]).max() > 1e-3


def test_two_steps_of_a_kind_keep_their_figures(tmp_path: Path) -> None:
    nets = {**NETS, "c": {**NETS["b"], "seed": 3}}
    steps = [{"correlate": {"nets": ["a", net], "draws": 100}} for net in ("b", "c", "b")]
    run = ran(small(tmp_path, nets=nets, layers=["conv1"], steps=steps))
    assert len(run.manifest["steps"]) == 3, "the accuracies and two different steps"
    figures = run.manifest["figures"]
    assert len(set(figures)) == len(figures)
    arrays = [np.load(Path(run.finished.folder) / "figures" / f"{name}.npz") for name in figures if "matrices" in name]
    assert len(arrays) == 2
    assert not np.array_equal(arrays[0]["between,_natural_order"], arrays[1]["between,_natural_order"])


def test_a_report_is_drawn_of_the_study_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the run holds layers that the study does not name any more."""
    study = small(tmp_path, layers=["conv1"], steps=[{"correlate": {"draws": 100}}])
    monkeypatch.setattr("jobs.commands.load", lambda name, overrides: study)
    ran(small(tmp_path, layers=["conv1", "conv2"], steps=[{"correlate": {"draws": 100}}]))
    done = ran(study)
    page = done.page
    (Path(done.finished.folder) / "report" / "index.html").unlink()
    redraw("small", [], ())
    assert "Correlations at conv1" in done.page
    assert done.page.count("<figure") == page.count("<figure")


def test_trainings_are_shared_between_studies(tmp_path: Path) -> None:
    run = numbers(small(tmp_path, nets={"a": TRAINED}, layers=["conv1"], steps=["evaluate"]))
    other = numbers(small(tmp_path, name="other", nets={"x": TRAINED}, layers=["conv2"], steps=["evaluate"]))
    assert run.watching.done() == {"training": 1, "images": UNITS}
    assert other.watching.done() == {"images": UNITS}
    assert len(list((tmp_path / "nets").iterdir())) == 1
