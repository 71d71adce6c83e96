"""Accuracy of a whole run against plain counting; networks and images without a common set of classes."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import NETS, numbers, ran, small

HERE = "tests.jobs.steps.test_evaluate"


class Several(nn.Module):
    """Returns its logits in a tuple, as some networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.conv1(x), x


def several() -> nn.Module:
    return Several()


def test_top_1_and_top_5_are_counted(tmp_path: Path) -> None:
    run = numbers(small(tmp_path, steps=["evaluate"]))
    found = run.results("evaluate")["accuracy"]
    images, labels = digits(digit_rows(run.blobs))
    assert int(found["images"]) == 300
    for net, seed in (("a", 1), ("b", 2)):
        order = np.argsort(-maps(random_convnet(seed), images)[:, :, 0, 0], axis=1)
        for top in (1, 5):
            share = (order[:, :top] == labels[:, None]).any(1).mean()
            assert float(found["accuracy"].sel(net=net, top=top)) == pytest.approx(share)
    assert 0.2 < float(found["accuracy"].sel(net="a", top=5)) < 0.8


def test_accuracy_is_always_measured(tmp_path: Path) -> None:
    named, implied = (ran(small(tmp_path, steps=steps)) for steps in (["evaluate", "correlate"], ["correlate"]))
    assert named.manifest["steps"] == implied.manifest["steps"]
    assert implied.finished.computed_units == 0


def test_classes_that_do_not_fit_have_no_accuracy(tmp_path: Path) -> None:
    few = {"a": {**NETS["a"], "classes": 3}, "b": NETS["b"]}
    found = numbers(small(tmp_path, nets=few, steps=["evaluate"])).results("evaluate")["accuracy"]["accuracy"]
    assert found.sel(net="a").isnull().all()
    assert found.sel(net="b").notnull().all()


def test_a_network_of_several_outputs_has_no_accuracy(tmp_path: Path) -> None:
    nets = {"a": {"arch": f"{HERE}:several"}, "b": {"arch": f"{HERE}:several", "seed": 3}}
    run = ran(small(tmp_path, nets=nets, layers=["conv1"]), allow_code=(HERE,))
    assert run.results("evaluate")["accuracy"]["accuracy"].isnull().all()
    assert run.results()["conv1"]["rho"].shape == (3, 3)
    assert torch.get_num_threads() == 1


def test_images_without_labels(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=pictures)
    images = {"source": "npz", "file": str(tmp_path / "images.npz"), "unit": 8, "batch": 4, "limit": None}
    nets = {name: {**net, "classes": 10} for name, net in NETS.items()}
    run = numbers(small(tmp_path, images=images, nets=nets, steps=["evaluate"]))
    found = run.results("evaluate")["accuracy"]
    assert int(found["images"]) == 0
    assert math.isnan(float(found["accuracy"].sel(net="a", top=1)))
