"""The step maximize: what a climb alone reaches, whatever units go together; strongest images beside; refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.attribution.maximization import maximize
from analysis.attribution.neuron import Neuron
from analysis.attribution.priors import NoPrior
from jobs.errors import UserError
from jobs.study import Study
from tests.jobs.plainly import random_convnet
from tests.jobs.small import Done, numbers, ran, small

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}


def study(folder: Path, **options: Any) -> Study:
    images = {"unit": 32, "batch": 8, "limit": 40}
    step = {"maximize": {"steps": 12, "ways": ["none"], **options}}
    return small(folder, nets=ONE, layers=["conv1", "relu2"], images=images, steps=[step])


def done(folder: Path, **options: Any) -> Done:
    return numbers(study(folder, **options))


def test_images_are_those_of_a_climb_alone(tmp_path: Path) -> None:
    found = done(tmp_path, channels=[7, 2]).results("maximize")["a"]
    scale = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    for number, unit in enumerate((7, 2)):
        streams = [torch.Generator().manual_seed(unit)]
        alone = maximize(random_convnet(1).float(), Neuron(channel=unit), scale, NoPrior(steps=12), streams)
        np.testing.assert_allclose(found["image"].values[0, number], alone.images[0], atol=1e-5)
        np.testing.assert_allclose(found["value"].values[0, number], alone.values[0], rtol=1e-4)
    climbed = found["trajectory_none"].values
    assert (climbed[:, -1] > climbed[:, 0]).all()
    with torch.no_grad():
        shares = random_convnet(1).float()(torch.from_numpy(found["image"].values[0])).softmax(1).numpy()
    np.testing.assert_allclose(found["probability"].values[0], shares[[0, 1], [7, 2]], rtol=1e-4)


def test_units_do_not_depend_on_those_beside_them(tmp_path: Path) -> None:
    many = done(tmp_path / "many", channels=10).results("maximize")["a"]
    one = done(tmp_path / "one", channels=[3]).results("maximize")["a"]
    assert many["unit"].values.tolist() == list(range(10)), "two tasks"
    np.testing.assert_allclose(many["image"].sel(unit=3), one["image"].sel(unit=3), atol=1e-5)


def test_a_direction_of_one_channel_is_that_channel(tmp_path: Path) -> None:
    run = done(tmp_path, layer="conv1", direction={"from": "pca", "index": [0, 1]}, k=2)
    found = run.results("maximize")["a"]
    (weights,) = (dataset["a"].values for dataset in run.results("directions").values())
    images = torch.from_numpy(found["image"].values[0])
    with torch.no_grad():
        maps = random_convnet(1).float().get_submodule("conv1")(images)
    reached = (maps[:, :, 4, 4].numpy() * weights.T).sum(1)
    np.testing.assert_allclose(found["value"].values[0], reached, rtol=1e-4)
    assert any(name.startswith("top_images") for name in run.manifest["steps"])


def test_the_report_draws_them_beside_the_strongest_images(tmp_path: Path) -> None:
    run = ran(study(tmp_path, layer="relu2", channels=2, ways=["fourier", "blur", "none"], k=2))
    assert {"maximize-a-relu2", "maximize-a-relu2-ways"} <= set(run.manifest["figures"])
    assert "Maximized units" in run.page
    classes = ran(study(tmp_path / "classes", channels=3, of="probability"))
    assert "maximize-a-output" in classes.manifest["figures"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "relu9"}, "steps.maximize.layer: 'relu9' is no studied layer of a"),
        ({"layer": "conv1", "channels": [6]}, "steps.maximize.channels: 6 is not in a/conv1, which has 0 to 5."),
        ({"channels": [10]}, "steps.maximize.channels: 10 is not in the output of a, which has 0 to 9."),
        ({"layer": "conv1", "of": "probability"}, "steps.maximize.of: a probability is of a class; leave layer out"),
        ({"direction": {"from": "pca"}}, "steps.maximize.direction: directions are of a layer; name it in"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, **options)
    assert message in str(refused.value)
