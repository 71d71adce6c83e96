"""Checkpoints are networks of the plan that no step takes unasked, no store keeps, and no other result feels."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.weights import save_weights, state_digest
from tests.jobs.small import NETS, UNITS, Done, numbers, small

OPTIONS = {"width": 4}
STEPS: list[Any] = ["evaluate", {"correlate": {"draws": 100}}, {"compare": {"draws": 100}}, {"dynamics": {}}]


def saved(folder: Path, name: str, seed: int) -> str:
    path = folder / f"{name}.safetensors"
    save_weights(build("convnet", (1, 8, 8), 10, OPTIONS, (), seed), path)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def kept(folder: Path) -> Done:
    """A network of files with two checkpoints, and a random one; every layer stored."""
    return numbers(small(folder, nets=nets(folder), steps=STEPS, extract={"store": ["*"]}))


def nets(folder: Path, **changes: Any) -> dict[str, Any]:
    a = {
        "arch": "convnet", "options": OPTIONS, "weights": saved(folder, "end", 1),
        "checkpoints": {10: saved(folder, "ten", 3), 2: saved(folder, "two", 4)},
    }  # fmt: skip
    return {"a": {**a, **changes}, "b": NETS["b"]}


def plan(run: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.blobs.read("plan.json"))
    return found


def test_they_are_networks_of_the_plan_in_order(kept: Done, folder: Path) -> None:
    found = plan(kept)
    assert list(found["nets"]) == ["a", "a@2", "a@10", "b"], "10 comes after 2"
    assert list(found["shapes"]) == [f"{net}/{layer}" for net in found["nets"] for layer in ("conv1", "fc1")]
    for name, seed in (("a@2", 4), ("a@10", 3)):
        assert found["nets"][name]["state"] == state_digest(build("convnet", (1, 8, 8), 10, OPTIONS, (), seed))
        assert found["nets"][name]["arch"] == found["nets"]["a"]["arch"]


def test_no_step_takes_them_unasked(kept: Done) -> None:
    assert kept.results("evaluate")["accuracy"]["net"].values.tolist() == ["a", "b"]
    assert list(kept.results("correlate")) == ["conv1", "fc1"]
    compared = kept.results("compare")["similarity"]
    assert (compared.attrs["net_a"], compared.attrs["net_b"]) == ("a", "b")
    assert kept.results("dynamics")["a"]["time"].values.tolist() == [2, 10]


def test_the_store_keeps_none_of_them(kept: Done) -> None:
    assert kept.manifest["stored"] == ["a/conv1", "a/fc1", "b/conv1", "b/fc1"]
    assert {path.name for path in (Path(kept.finished.folder) / "activations").iterdir() if path.is_dir()} == {
        "a", "b", "valid",
    }  # fmt: skip


def test_other_results_are_those_without_them(kept: Done, folder: Path, tmp_path: Path) -> None:
    """Another run, since the plan has other networks, but the same numbers."""
    alone = numbers(small(tmp_path, nets=nets(folder, checkpoints={}), steps=STEPS[:3], extract={"store": ["*"]}))
    assert plan(alone)["nets"] == {name: net for name, net in plan(kept)["nets"].items() if "@" not in name}
    assert alone.manifest["run"] != kept.manifest["run"]
    for step in ("evaluate", "correlate", "compare"):
        ours, theirs = (run.results(step) for run in (kept, alone))
        assert {name: found.drop_attrs() for name, found in ours.items()}.keys() == theirs.keys()
        for name, found in ours.items():
            assert found.drop_attrs().identical(theirs[name].drop_attrs())
    assert kept.bits("activations/a", "activations/b") == alone.bits("activations/a", "activations/b")


def test_they_are_run_where_statistics_come_from_the_store(folder: Path, tmp_path: Path) -> None:
    """What is not stored has no other source."""
    extract = {"store": ["*"], "statistics": []}
    done = numbers(small(tmp_path, nets=nets(folder), steps=[STEPS[1]], extract=extract))
    assert done.watching.done() == {"images": UNITS, "reading the store": UNITS}
    with pytest.raises(UserError, match=r"^steps\.dynamics: .*, and a/conv1 is not in extract\.statistics"):
        numbers(small(tmp_path, nets=nets(folder), steps=[STEPS[3]], extract=extract))


def test_a_step_may_name_one(folder: Path, tmp_path: Path) -> None:
    step = {"compare": {"nets": ["a", "a@2"], "measures": ["cka"], "draws": 100}}
    found = numbers(small(tmp_path, nets=nets(folder), steps=[step])).results("compare")["similarity"]
    assert found.attrs["net_b"] == "a@2"
    assert 0 < found["cka"].values[0, 0] < 1


def test_a_resume_asks_for_no_training(tmp_path: Path) -> None:
    train = {"seed": 1, "epochs": 1, "batch": 64, "checkpoints": [0, 1]}
    study = small(tmp_path, nets={"a": {"arch": "convnet", "options": OPTIONS, "train": train}}, steps=["dynamics"])
    first, again = numbers(study), numbers(study)
    assert first.watching.done() == {"training": 1, "images": UNITS}
    assert again.watching.done() == {}
    states = {name: net["state"] for name, net in plan(first)["nets"].items()}
    assert states["a@1"] == states["a"] != states["a@0"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoints": {0: "nope.pt"}}, r"nets\.a@0\.weights: there is no file nope\.pt; check the path"),
        ({"checkpoints": {0: "text.pt"}}, r"nets\.a@0\.weights: text\.pt is not a readable torch file"),
    ],
)
def test_a_checkpoint_that_is_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "text.pt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        numbers(small(tmp_path, nets=nets(folder, **changes), steps=["dynamics"]))
