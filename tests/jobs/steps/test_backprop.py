"""The step backprop: plain autograd's numbers of every image, whatever the units; maps that are drawn and stored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.stats import spearmanr

from analysis.attribution.randomization import randomized
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from jobs.commands import verify_run
from jobs.errors import FailedError, UserError
from jobs.figures.attributions import map_limits
from jobs.steps.backprop.datasets import MAPS
from jobs.steps.backprop.plates import Drawing
from tests.jobs.plainly import digit_rows, digits, random_convnet
from tests.jobs.small import Done, numbers, ran, small
from tests.jobs.steps.plain_layers import nth

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
LAYERS = ["conv1", "relu2", "fc1"]


def done(folder: Path, unit: int = 32, rows: int = 40, steps: list[Any] | None = None, **options: Any) -> Done:
    images = {"unit": unit, "batch": 8, "limit": rows}
    chosen = steps or [{"backprop": {"images": 2, **options}}]
    return numbers(small(folder, nets=ONE, layers=LAYERS, images=images, steps=chosen))


def plain_gradient(net: torch.nn.Module, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    leaf = torch.from_numpy(images).requires_grad_()
    net(leaf)[torch.arange(len(images)), torch.from_numpy(classes)].sum().backward()
    assert leaf.grad is not None
    return leaf.grad.numpy()


def test_maps_and_numbers_are_those_of_plain_autograd(tmp_path: Path) -> None:
    run = done(tmp_path, methods=["gradient", "input_x_gradient"], store=["gradient"])
    found, net = run.results("backprop")["a"], random_convnet(1).float()
    images = digits(digit_rows(run.blobs))[0].astype(np.float32)
    with torch.no_grad():
        logits = net(torch.from_numpy(images)).numpy()
    classes = logits.argmax(1)
    np.testing.assert_array_equal(found["channel"], classes)
    np.testing.assert_allclose(found["value"], logits.max(1), rtol=1e-4)
    expected = plain_gradient(net, images, classes)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found["map"].sel(attribution="gradient"), expected[:2], atol=1e-5 * largest)
    product = (images * expected)[:2]
    np.testing.assert_allclose(found["map"].sel(attribution="input_x_gradient"), product, atol=1e-5 * largest)
    other = plain_gradient(randomized(net, 0), images, classes)
    alike = [
        spearmanr(np.abs(one).sum(0).ravel(), np.abs(two).sum(0).ravel()).statistic
        for one, two in zip(expected, other, strict=True)
    ]
    np.testing.assert_allclose(found["control"].sel(attribution="gradient"), alike, atol=0.02)


def test_stored_maps_are_all_there(tmp_path: Path) -> None:
    run = done(tmp_path, methods=["guided"], store=["guided"])
    (name,) = [step for step in run.manifest["steps"] if step.startswith("backprop")]
    ledger = Ledger(run.blobs, name, 2)
    stored = ActivationStore.open(run.blobs).read(f"{name}/a.guided", 0, 40, ledger)
    assert stored.shape == (40, 1, 8, 8)
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored[:2], run.results("backprop")["a"]["map"].values[:, 0])
    assert np.abs(stored).reshape(40, -1).max(1).min() > 0


def test_other_units_give_the_same(tmp_path: Path) -> None:
    one, other = (done(tmp_path / str(unit), unit).results("backprop")["a"] for unit in (32, 16))
    for name in ("row", "channel", "position"):
        np.testing.assert_array_equal(one[name], other[name])
    for name in ("value", "smoothness", "control", "map", "left_after_cancellation"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6)


def test_a_channel_is_explained_where_it_is_largest(tmp_path: Path) -> None:
    run = done(tmp_path, layer="relu2", channel=3, methods=["gradient"])
    found, net = run.results("backprop")["a"], random_convnet(1).float()
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0]).float()
    held: list[torch.Tensor] = []
    net.get_submodule("relu2").register_forward_hook(lambda *given: held.append(given[2].clone()))
    with torch.no_grad():
        net(images)
    maps = held[0][:, 3].numpy()
    np.testing.assert_allclose(found["value"], maps.max((1, 2)), rtol=1e-4)
    places = found["position"].values
    np.testing.assert_allclose(maps[np.arange(40), places[:, 0], places[:, 1]], maps.max((1, 2)))


def test_a_direction_is_the_combination_of_its_channels(tmp_path: Path) -> None:
    asked = {"layer": "conv1", "position": [2, 3], "methods": ["gradient"], "control": False, "images": 2}
    one = {"backprop": {**asked, "direction": {"from": "pca", "index": 0}}}
    each = [{"backprop": {**asked, "channel": channel}} for channel in range(6)]
    run = done(tmp_path, steps=[one, *each])
    (weights,) = (found["a"].values[:, 0] for found in run.results("directions").values())
    names = [name for name in run.manifest["steps"] if name.startswith("backprop")]
    direction, *channels = (nth(run, name)["a"]["map"].values for name in names)
    combined = sum(weight * found for weight, found in zip(weights, channels, strict=True))
    np.testing.assert_allclose(direction, combined, atol=1e-5)


def test_noise_depends_on_the_image_alone(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"methods": ["smoothgrad", "integrated_gradients"], "samples": 3, "control": False}
    one, other = (done(tmp_path / str(unit), unit, rows=20, **asked).results("backprop")["a"] for unit in (8, 16))
    np.testing.assert_allclose(one["smoothness"], other["smoothness"], atol=1e-5)


def test_the_report_draws_them(tmp_path: Path) -> None:
    images = {"unit": 8, "batch": 8, "limit": 8}
    step = {"backprop": {"images": 2, "methods": ["gradient", "guided", "grad_cam"]}}
    run = ran(small(tmp_path, nets=ONE, layers=LAYERS, images=images, steps=[step]))
    assert {"backprop-a", "backprop-a-autocorrelation"} <= set(run.manifest["figures"])
    assert "with random weights" in run.blobs.read("report/index.html").decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "relu9", "channel": 1}, "steps.backprop.layer: 'relu9' is no studied layer of a"),
        ({"layer": "relu2"}, "steps.backprop.channel: predicted means a class, and relu2 has channels: give a number."),
        ({"layer": "relu2", "channel": 99}, "steps.backprop.channel: 99 is not in a/relu2, which has 0 to 5."),
        ({"through": "fc9"}, "steps.backprop.through: 'fc9' is no studied layer of a"),
        ({"direction": {"from": "pca"}}, "steps.backprop.direction: directions are of a layer; name it in"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, **options)
    assert message in str(refused.value)


def test_damage_to_stored_maps_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = done(tmp_path / "runs", methods=["guided"], store=["guided"], control=False)
    study = tmp_path / "study.yaml"
    asked = small(tmp_path / "runs", nets=ONE, layers=LAYERS, images={"unit": 32, "batch": 8, "limit": 40})
    step = {"backprop": {"images": 2, "methods": ["guided"], "store": ["guided"], "control": False}}
    study.write_text(json.dumps({**asked.model_dump(mode="json"), "steps": [step]}))
    verify_run(str(study), [], as_json=False)
    assert "4 shards hashed, 0 problems" in capsys.readouterr().out
    (shard,) = (name for name in run.blobs.list("activations") if "/a.guided/c/1" in name)
    run.blobs.write(shard, b"damaged")
    with pytest.raises(FailedError, match="1 of 4 shards are not what was committed"):
        verify_run(str(study), [], as_json=False)


def test_limits_are_shared_where_asked_and_maps_lie_over_the_image() -> None:
    maps = np.zeros((2, 1, 3, 4, 4), np.float32)
    maps[0, 0, :, 0, 0], maps[1, 0, :, 0, 0] = 1.0, -4.0
    found = xr.Dataset({"map": (MAPS, maps)}, coords={"attribution": ["gradient"]})
    picture = np.full((4, 4, 3), 0.25)
    own, shared = (Drawing(True, together).looks(found, "map", 0, picture)[0] for together in (False, True))
    assert own.limits != shared.limits == (-map_limits(maps.sum(2))[1], map_limits(maps.sum(2))[1])
    np.testing.assert_array_equal(own.under, picture[..., 0])
    np.testing.assert_array_equal(own.values, maps[0, 0].sum(0))
    plain = Drawing(False, True).looks(found, "map", 1, picture)[0]
    assert plain.values.shape == (4, 4, 3)
    assert (plain.values[1, 1] == 0.5).all()
    assert plain.values[0, 0, 0] < 0.5
