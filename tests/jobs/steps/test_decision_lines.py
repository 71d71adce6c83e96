"""Decision lines of a whole run: a pane is its checkpoint, lines part what a unit answers, regions are the argmax."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image, ImageSequence
from torch import nn

from analysis.units.planar_data import spiral, two_moons
from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.weights import load_weights, save_weights
from jobs.steps.decision_lines.datasets import around, hidden_layer
from tests.jobs.small import Done, numbers, ran, small

MOONS = {"source": "planar", "points": 40, "noise": 0.1}
SPIRAL = {"source": "planar", "kind": "spiral", "points": 60, "arms": 3, "seed": 5}
CHECKPOINTS = {"moons": [0, 1, 7, 30], "spiral": [1, 4]}
CLASSES = {"moons": 2, "spiral": 3}
STEP = {"decision_lines": {"resolution": 30}}


def nets() -> dict[str, Any]:
    """One sees all its points at every step, one a quarter of them."""
    moons = {"epochs": 30, "batch": 40, "images": MOONS, "checkpoints": CHECKPOINTS["moons"]}
    arms = {"epochs": 4, "batch": 15, "images": SPIRAL, "checkpoints": CHECKPOINTS["spiral"], "seed": 2}
    return {
        "moons": {"arch": "mlp2d", "options": {"width": 5}, "train": moons},
        "spiral": {"arch": "mlp2d", "options": {"width": 5}, "classes": 3, "train": arms},
    }


def study(runs: Path, **changes: Any) -> Any:
    return small(runs, **{"nets": nets(), "images": MOONS, "layers": ["fc1"], "steps": [STEP], **changes})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return ran(study(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module", params=list(CHECKPOINTS))
def net(request: pytest.FixtureRequest) -> str:
    """The name of a network."""
    return str(request.param)


@pytest.fixture
def found(done: Done, net: str) -> xr.Dataset:
    return done.results("decision_lines")[net]


def checkpoints(run: Done, net: str) -> dict[int, nn.Module]:
    """The networks in the files of the checkpoints."""
    planned, root = json.loads(run.blobs.read("plan.json"))["nets"], Path(run.finished.folder).parent
    built = {}
    for number in CHECKPOINTS[net]:
        built[number] = build("mlp2d", (1, 1, 2), CLASSES[net], {"width": 5})
        load_weights(built[number], root / planned[f"{net}@{number}"]["weights"])
    return built


def test_a_pane_is_its_checkpoint(done: Done, net: str, found: xr.Dataset) -> None:
    assert found["pane"].values.tolist() == CHECKPOINTS[net]
    for number, built in checkpoints(done, net).items():
        one = found.sel(pane=number)
        np.testing.assert_array_equal(one["weights"], built.get_parameter("fc1.weight").detach())
        np.testing.assert_array_equal(one["bias"], built.get_parameter("fc1.bias").detach())
    assert len(np.unique(found["weights"].values, axis=0)) == len(CHECKPOINTS[net])
    assert found.attrs["counted"] == {"moons": "iteration", "spiral": "epoch"}[net]


def test_a_unit_changes_sign_across_its_line(done: Done, net: str, found: xr.Dataset) -> None:
    generator, drawn = np.random.default_rng(0), 0
    for number, built in checkpoints(done, net).items():
        lines = found["lines"].sel(pane=number).values
        for unit in np.flatnonzero(~np.isnan(lines).any(axis=(1, 2))):
            start, end = lines[unit]
            on = start + generator.uniform(0, 1, (50, 1)) * (end - start)
            right = np.array([end[1] - start[1], start[0] - end[0]]) / np.linalg.norm(end - start)
            with torch.no_grad():
                sides = [
                    built.get_submodule("fc1")(torch.tensor(on + step * right).float())[:, unit].numpy()
                    for step in (-1e-3, 1e-3)
                ]
            assert (sides[0] < 0).all()
            assert (sides[1] > 0).all()
            drawn += 1
    assert drawn > len(CHECKPOINTS[net]), "most lines cross the box"


def test_regions_are_the_networks_own(done: Done, net: str, found: xr.Dataset) -> None:
    cells = torch.tensor(np.stack(np.meshgrid(found["x"], found["y"]), axis=2).reshape(-1, 1, 1, 2)).float()
    for number, built in checkpoints(done, net).items():
        with torch.no_grad():
            logits = built(cells)
        one = found.sel(pane=number)
        np.testing.assert_array_equal(one["regions"].values.ravel(), logits.argmax(1))
        expected = logits.softmax(1).reshape(30, 30, CLASSES[net])
        np.testing.assert_allclose(one["probabilities"], expected, atol=1e-6)


def test_points_and_accuracies_are_those_of_training(done: Done, net: str, found: xr.Dataset) -> None:
    sets = {
        "moons": [two_moons(40, noise=0.1, seed=seed) for seed in (0, 1)],
        "spiral": [spiral(60, noise=0.05, seed=seed, arms=3) for seed in (10, 11)],
    }[net]
    np.testing.assert_array_equal(found["points"], sets[0].points)
    np.testing.assert_array_equal(found["label"], sets[0].labels)
    for number, built in checkpoints(done, net).items():
        with torch.no_grad():
            right = [(built(torch.tensor(one.points)).argmax(1).numpy() == one.labels).mean() for one in sets]
        np.testing.assert_allclose(found["accuracy"].sel(pane=number), right)


def test_the_box_is_a_square_around_the_points(found: xr.Dataset) -> None:
    left, right, bottom, top = found.attrs["box"]
    points = found["points"].values
    span = np.ptp(points, axis=0).max()
    assert right - left == pytest.approx(top - bottom) == pytest.approx(span * 1.2)
    room = np.abs(np.stack([points - [left, bottom], [right, top] - points]))
    assert room.min() == pytest.approx(0.1 * span)
    assert around(np.zeros((1, 2), np.float32), 0.1).right == 1, "a single point has room too"


def test_the_report_shows_panes_and_animation(done: Done, net: str, found: xr.Dataset) -> None:
    name = f"decision_lines-{net}"
    assert done.manifest["figures"] == ["decision_lines-moons", "decision_lines-spiral"]
    with Image.open(io.BytesIO(done.blobs.read(f"figures/{name}.gif"))) as gif:
        assert sum(1 for _ in ImageSequence.Iterator(gif)) == len(CHECKPOINTS[net])
    for suffix in ("png", "svg", "npz", "gif"):
        assert f"../figures/{name}.{suffix}" in done.page
    with np.load(io.BytesIO(done.blobs.read(f"figures/{name}.npz"))) as held:
        np.testing.assert_array_equal(held["lines"], found["lines"])
    table = done.page.partition(f"Decision lines of {net}")[2].partition("</table>")[0]
    assert [int(number) for number in re.findall(r'row">(\d+)<', table)] == CHECKPOINTS[net]


def test_who_learned_other_points_is_told(done: Done) -> None:
    assert "spiral was trained on points of its own" in done.page
    assert "moons was trained on points of its own" not in done.page


def test_no_pass_over_the_images_is_its_own(done: Done) -> None:
    assert done.watching.done() == {"training": 2, "images": 1}
    assert [name for name in done.records() if "decision" in name] == []


def test_the_same_study_gives_the_same_bytes(done: Done, tmp_path: Path) -> None:
    again = ran(study(tmp_path)).bits("results", "figures")
    assert again == done.bits("results", "figures")
    assert sum(name.endswith(".gif") for name in again) == 2


def test_panes_are_chosen_by_number(tmp_path: Path) -> None:
    step = {"decision_lines": {"nets": ["moons"], "panes": [7, 0, 7], "resolution": 10, "margin": 1.0}}
    found = numbers(study(tmp_path, steps=[step])).results("decision_lines")
    assert list(found) == ["moons"]
    assert found["moons"]["pane"].values.tolist() == [0, 7]
    assert found["moons"]["regions"].shape == (2, 10, 10)
    left, right, _, _ = found["moons"].attrs["box"]
    assert right - left == pytest.approx(3 * np.ptp(found["moons"]["points"].values[:, 0]))


def test_weights_from_files_are_drawn_over_the_studys_points(tmp_path: Path) -> None:
    for seed in (1, 2):
        save_weights(build("mlp2d", (1, 1, 2), 2, {"width": 5}, (), seed), tmp_path / f"{seed}.safetensors")
    one = {"arch": "mlp2d", "options": {"width": 5}, "weights": str(tmp_path / "1.safetensors")}
    held = {"a": {**one, "checkpoints": {20: str(tmp_path / "2.safetensors"), 3: one["weights"]}}}
    found = numbers(study(tmp_path, nets=held)).results("decision_lines")["a"]
    assert found["pane"].values.tolist() == [3, 20]
    assert (found.attrs["counted"], found.attrs["own_points"]) == ("checkpoint", 0)
    every = np.concatenate([two_moons(40, noise=0.1, seed=seed).points for seed in (0, 1)])
    assert {tuple(point) for point in found["points"].values} == {tuple(point) for point in every}
    assert np.isnan(found["accuracy"].sel(set="test")).all()


def deep(classes: int) -> nn.Module:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, classes)
    )  # fmt: skip


OWN = {"arch": f"{__name__}:deep", "train": {"epochs": 1, "checkpoints": [1]}}
CONV = {"arch": "convnet", "options": {"width": 2}, "train": {"epochs": 1, "checkpoints": [1]}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"nets": {"a": CONV}, "images": {"source": "digits"}, "layers": ["fc1"]},
            "steps.decision_lines.nets: a (convnet) takes images of 1 x 8 x 8; expected points of 2 values, whose "
            "plane can be drawn. Take images: {source: planar} and arch: mlp2d.",
        ),
        (
            {"nets": {"a": OWN}, "layers": ["1"]},
            "steps.decision_lines.nets: a is Linear, ReLU, Linear, ReLU, Linear; expected Linear, ReLU, Linear, the "
            "first of 2 inputs. Take arch: mlp2d, or leave it out of nets.",
        ),
        (
            {"steps": [{"decision_lines": {"panes": [1, 2]}}]},
            "steps.decision_lines.panes: moons keeps no checkpoint 2, only 0, 1, 7, 30; add it to its checkpoints, or "
            "name one of these.",
        ),
        (
            {"steps": [{"decision_lines": {"nets": ["moon"]}}]},
            "steps.decision_lines.nets: there is no network 'moon'; did you mean 'moons'?",
        ),
        (
            {"nets": {"a": {"arch": "mlp2d"}}},
            "steps.decision_lines: no network has checkpoints; add train.checkpoints, as [0, 1, 10, 100].",
        ),
        (
            {"nets": {"a": {"arch": "mlp2d"}}, "steps": [{"decision_lines": {"nets": ["a"]}}]},
            "steps.decision_lines: a has no checkpoints; add nets.a.train.checkpoints, as [0, 1, 10, 100].",
        ),
    ],
    ids=["images", "two hidden layers", "pane", "name", "no checkpoints", "none of this one"],
)
def test_refusals(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    made = small(tmp_path, **{"nets": nets(), "images": MOONS, "layers": ["fc1"], "steps": [STEP], **changes})
    with pytest.raises(UserError) as caught:
        numbers(made, allow_code=(__name__,))
    assert str(caught.value) == message


def test_hidden_layers_without_bias_go_through_the_origin() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2))
    weights, bias = hidden_layer("a", net)
    assert weights.shape == (3, 2)
    np.testing.assert_array_equal(bias, np.zeros(3))
    for other in (nn.Linear(2, 2), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))):
        with pytest.raises(UserError, match="the first of 2 inputs"):
            hidden_layer("a", other)
