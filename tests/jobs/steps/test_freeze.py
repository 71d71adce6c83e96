"""The step freeze: both ways from the same start, panes of both with floors, times as recorded, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jobs.errors import UserError
from jobs.steps.freeze.layer_panes import pane, pane_layers
from jobs.study import Study
from tests.jobs.small import Done, numbers, ran, small

NETS = {"a": {"arch": "convnet", "options": {"width": 3}}}


def study(folder: Path, **options: Any) -> Study:
    step = {"freeze": {"train": {"epochs": 5, "batch": 256, "seed": 1}, "seeds": 2, "images": 200, **options}}
    return small(folder, nets=NETS, layers=["conv1"], steps=[step])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return ran(study(tmp_path_factory.mktemp("runs"), panes=[0, 60, 100]))


def test_both_ways_are_one_until_the_first_layer_freezes(done: Done) -> None:
    found = done.results("freeze")["a"]
    loss = found["loss"].values
    assert loss.shape == (2, 2, 5)
    np.testing.assert_array_equal(
        loss[0, :, 0], loss[1, :, 0], err_msg="five layers, five epochs: the first freezes after one"
    )
    assert (loss[0, :, 1:] != loss[1, :, 1:]).all()
    assert (found["seconds"].values > 0).all()
    rise, saved = found["frozen_less_normal"].values[:, 0]
    assert rise == pytest.approx((found["error"].values[1, :, -1] - found["error"].values[0, :, -1]).mean())
    assert saved == pytest.approx((1 - found["seconds"].values[1] / found["seconds"].values[0]).mean())


def test_frozen_layers_are_in_the_panes_what_they_are_at_the_end(done: Done) -> None:
    found = done.results("freeze")["a"]
    assert found["time"].values.tolist() == [0, 3, 5]
    assert found["layer_end"].values.tolist() == ["bn1", "bn2", "bn3", "fc1", "fc2"]
    value, low, high, floor = np.moveaxis(found["similarity"].values, -1, 0)
    assert (floor < 0.5).all()
    assert (low <= value + 1e-9).all()
    assert (value <= high + 1e-9).all()
    diagonal = np.diagonal(value, axis1=2, axis2=3)
    np.testing.assert_allclose(diagonal[1, 1, :3], 1.0, atol=1e-6, err_msg="frozen after 1, 2 and 3 epochs of 5")
    np.testing.assert_allclose(diagonal[:, 2], 1.0, atol=1e-6)
    assert (diagonal[0, 1] < 1 - 1e-6).any()


def test_the_report_has_its_figures_and_table(done: Done) -> None:
    assert {"freeze-a", "freeze-a-training", "freeze-a-panes"} <= set(done.manifest["figures"])
    assert "time saved in %" in done.page


def test_a_pane_sees_no_rotation_knows_its_floor_and_gives_up_with_few_images() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 1, 5, generator=generator)
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    other = torch.randn(400, 1, 5, generator=generator)
    found = pane({"a": x, "b": other}, {"a": 3 * x @ rotation, "b": other + 2}, ["a", "b"], 100)
    value, low, high, floor = np.moveaxis(found["similarity"], -1, 0)
    np.testing.assert_allclose(np.diagonal(value), 1.0, atol=1e-6)
    assert value[0, 1] == pytest.approx(floor[0, 1], abs=0.08), "independent"
    assert 0 < floor.max() < 0.2
    assert low[0, 1] < value[0, 1] < high[0, 1]
    assert (found["kept"] == 5).all()
    few = pane({"a": x[:4]}, {"a": x[:4]}, ["a"], 100)
    assert np.isnan(few["similarity"][0, 0, 0])


def test_panes_show_what_is_one_map_or_one_vector() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
            self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
            self.last = nn.Linear(2, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            tokens = self.norm(self.first(images)).flatten(2).transpose(1, 2)
            return self.last(self.attention(tokens, tokens, tokens)[0].mean(1))

    assert pane_layers(Odd(), torch.zeros(1, 1, 6, 6)) == ["norm", "last"]
    with pytest.raises(
        UserError, match=r"steps\.freeze\.nets: no layer gives a map or a vector of units to show; leave"
    ):
        pane_layers(nn.Sequential(nn.Flatten(2), nn.Linear(36, 2)), torch.zeros(1, 1, 6, 6))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no network 'b'"):
        numbers(study(tmp_path, nets=["b"]))
    with pytest.raises(ValueError, match=r"panes(.|\n)*less than or equal to 100"):
        study(tmp_path, panes=[0, 150])
    with pytest.raises(ValueError, match=r"2 would share one training, .* run side by side; leave it out"):
        study(tmp_path, train={"workers": 2})
