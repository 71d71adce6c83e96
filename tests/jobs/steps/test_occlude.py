"""The step occlude: the scores of covered images run whole, whatever the units; grids of all images in the store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.attribution.backprop import backward_images
from analysis.attribution.neuron import Neuron
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from jobs.errors import UserError
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits, random_convnet
from tests.jobs.small import Done, numbers, ran, small

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}


def study(folder: Path, unit: int = 16, rows: int = 24, executor: str = "serial", **options: Any) -> Study:
    images = {"unit": unit, "batch": 8, "limit": rows}
    step = {"occlude": {"window": 3, "stride": 2, "images": 2, **options}}
    return small(folder, nets=ONE, layers=["conv1", "relu3"], images=images, steps=[step],
                 resources={"executor": executor})  # fmt: skip


def done(folder: Path, **options: Any) -> Done:
    return numbers(study(folder, **options))


@torch.no_grad()
def plainly(images: np.ndarray, labels: np.ndarray, fill: float) -> np.ndarray:
    """(images, 2, rows, columns): probability of the label and the most probable class, every covered image whole."""
    net, starts = random_convnet(1), (0, 2, 4, 6)
    found = np.zeros((len(images), 2, 4, 4))
    for row, y in enumerate(starts):
        for column, x in enumerate(starts):
            covered = torch.from_numpy(images.copy())
            covered[:, :, y : y + 3, x : x + 3] = fill
            logits = net(covered)
            found[:, 0, row, column] = logits.softmax(1).numpy()[np.arange(len(images)), labels]
            found[:, 1, row, column] = logits.argmax(1).numpy()
    return found


@pytest.mark.parametrize("fill", ["gray", 1.0])
def test_grids_are_those_of_covered_images(tmp_path: Path, fill: Any) -> None:
    run = done(tmp_path, fill=fill)
    found = run.results("occlude")["a"]
    images, labels = digits(digit_rows(run.blobs))
    expected = plainly(images, labels, 0.5 if fill == "gray" else fill)
    np.testing.assert_allclose(found["grid"].values[:, 0], expected[:2, 0], rtol=1e-4)
    np.testing.assert_array_equal(found["grid"].values[:, 1], expected[:2, 1])
    np.testing.assert_allclose(found["lowest"].values[:, 0], expected[:, 0].min((1, 2)), rtol=1e-4)
    place = found["where"].values[:, 0] // 2
    np.testing.assert_allclose(
        expected[np.arange(24), 0, place[:, 0], place[:, 1]], found["lowest"].values[:, 0], rtol=1e-4
    )
    (name,) = [step for step in run.manifest["steps"] if step.startswith("occlude")]
    stored = ActivationStore.open(run.blobs).read(f"{name}/a.grid", 0, 24, Ledger(run.blobs, name, 2))
    np.testing.assert_allclose(stored[:, 0], expected[:, 0], rtol=1e-4)


def test_other_units_give_the_same(tmp_path: Path) -> None:
    one, other = (done(tmp_path / str(unit), unit=unit).results("occlude")["a"] for unit in (16, 8))
    for name in ("row", "class", "channel", "where"):
        np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_allclose(one["grid"], other["grid"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("executor", ["serial", "ray"])
def test_bands_of_windows_on_several_workers_are_one_sweep(tmp_path: Path, executor: str) -> None:
    asked: dict[str, Any] = {"classes": [3], "channels": {"conv1": [2]}, "position": "max", "rows": 11}
    whole = done(tmp_path / "whole", **asked).results("occlude")["a"]
    banded = numbers(study(tmp_path / "bands", bands=3, executor=executor, **asked))
    found = banded.results("occlude")["a"]
    assert banded.watching.done()["occlude"] == 2 * 3, "eight images and three, three bands of the four rows"
    for name in whole:
        # Fewer windows to a batch: float32 sums are taken in another order.
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(found["grids"][:2], found["grid"])
    assert found["grids"].shape == (11, 5, 4, 4)


def test_more_grids_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.steps.occlude.windows.MOST_BYTES", 1000)
    with pytest.raises(UserError, match=r"steps.occlude.bands: 2 bands of 24 images would gather .* leave bands out"):
        done(tmp_path, bands=2)


def test_classes_and_channels_are_read_in_the_same_sweep(tmp_path: Path) -> None:
    run = done(tmp_path, classes=[3], channels={"conv1": [2]}, of="predicted")
    found = run.results("occlude")["a"]
    assert found["target"].values.tolist() == ["probability", "most_probable", "strongest_map", "class 3", "conv1 #2"]
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0])
    with torch.no_grad():
        logits = random_convnet(1)(images).numpy()
        maps = random_convnet(1).get_submodule("conv1")(images).numpy()
    np.testing.assert_allclose(found["clean"].values[:, 3], logits[:, 3], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["clean"].values[:, 4], maps[:, 2].mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["class"], logits.argmax(1))


@pytest.mark.parametrize(("position", "place"), [("center", (4, 4)), ([1, 6], (1, 6)), ("max", None)])
def test_channels_and_directions_are_read_at_a_position(tmp_path: Path, position: Any, place: Any) -> None:
    asked = {"channels": {"conv1": [2]}, "layer": "conv1", "direction": {"from": "pca", "index": [0, 1]}}
    run = done(tmp_path, rows=8, position=position, **asked)
    found = run.results("occlude")["a"]
    assert found["target"].values.tolist()[3:] == ["conv1 #2", "pca 0", "pca 1"]
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0])
    conv = random_convnet(1).get_submodule("conv1")
    weights = run.results("directions")["a--conv1"]["a"].values
    covered = images.clone()
    covered[:, :, 2:5, 4:7] = 0.5
    with torch.no_grad():
        clean, other = (
            np.concatenate([maps[:, 2:3], np.einsum("nchw,cd->ndhw", maps, weights)], axis=1)
            for maps in (conv(images).numpy(), conv(covered).numpy())
        )
    grid = found["grid"].values[:, 3:, 1, 2]
    for unit in range(3):
        flat = (
            clean[:, unit].reshape(len(clean), -1).argmax(1) if place is None else np.full(8, place[0] * 8 + place[1])
        )
        read = clean[:, unit].reshape(len(clean), -1)[np.arange(8), flat]
        np.testing.assert_allclose(found["clean"].values[:, 3 + unit], read, rtol=1e-4, atol=1e-5)
        read = other[:2, unit].reshape(2, -1)[np.arange(2), flat[:2]]
        np.testing.assert_allclose(grid[:, unit], read, rtol=1e-4, atol=1e-5)


def test_the_strongest_map_is_projected_from_the_image_and_the_strongest_others(tmp_path: Path) -> None:
    run = done(tmp_path, layer="conv1", unit=8)
    found = run.results("occlude")["a"]
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0])
    net = random_convnet(1)
    with torch.no_grad():
        maps = net.get_submodule("conv1")(images)
    channels = maps.sum((2, 3)).argmax(1).numpy()
    np.testing.assert_array_equal(found["channel"], channels)
    for row in range(2):
        order = np.argsort(-maps[:, channels[row]].amax((1, 2)).numpy(), kind="stable")
        shown = found["projected"].values[row]
        np.testing.assert_array_equal(shown, [row, *order[order != row][:3]])
        neuron = Neuron("conv1", int(channels[row]), "argmax")
        expected = backward_images(net, images[shown], neuron, "deconvnet").images
        np.testing.assert_allclose(found["projection"].values[row], expected, rtol=1e-4, atol=1e-5)


def test_the_report_draws_the_panels(tmp_path: Path) -> None:
    run = ran(study(tmp_path, rows=8))
    assert run.manifest["figures"] == ["occlude-a", "occlude-a-worth"]
    assert "halved by one window" in run.page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 9}, "steps.occlude.window: 9 pixels are more than the images of a have, 8"),
        ({"layer": "relu9"}, "steps.occlude.layer: 'relu9' is no studied layer of a"),
        ({"channels": {"conv1": [6]}}, "steps.occlude.channels: 6 is not in a/conv1, which has 0 to 5."),
        ({"classes": [10]}, "steps.occlude.classes: 10 is no class of a, which has 0 to 9."),
        ({"channels": {"conv1": [2]}, "position": [8, 0]}, "steps.occlude.position: [8, 0] is not in a/conv1, whose"),
        ({"direction": {"from": "svcca"}}, "steps.occlude.direction: svcca compares two networks and the step has 1"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, **options)
    assert message in str(refused.value)
