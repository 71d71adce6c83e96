"""The step project: with all directions the network itself, the projected one computed plainly, sizes, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cluster.folder import Folder
from jobs.errors import UserError
from jobs.inputs import Inputs
from jobs.nets.options import TrainSpec
from jobs.nets.weights import load_weights
from jobs.retraining import training_data
from jobs.study import Study
from tests.jobs.plainly import random_convnet
from tests.jobs.small import TRAINED, Done, numbers, ran, small

NETS = {"a": TRAINED, "b": {**TRAINED, "train": {**TRAINED["train"], "seed": 2}}}  # type: ignore[dict-item]


def study(folder: Path, **options: Any) -> Study:
    step = {
        "project": {"other": "b", "layers": ["conv2", "fc1"], "kept": [1.0, 0.5], "fit": 300, "test": 200, **options}
    }
    return small(folder, nets=NETS, layers=["conv1"], images={"limit": 64, "unit": 64}, steps=[step])


def done(folder: Path, **options: Any) -> Done:
    return numbers(study(folder, **options))


def test_with_all_directions_the_network_is_itself(tmp_path: Path) -> None:
    found = done(tmp_path).results("project")["a"]
    assert found["layers"].values.tolist() == ["all layers", "conv2", "fc1"]
    whole = found["accuracy"].sel(kept=1.0).values
    one_image = 1 / 200  # may turn by rounding, where two classes are as likely
    np.testing.assert_allclose(whole, found["dense_accuracy"].values[:, None] * np.ones(5), rtol=0, atol=one_image)
    assert (found["parameters"].sel(kept=0.5) < found["parameters"].sel(kept=1.0)).all()
    assert (found["multiply_adds"].sel(kept=0.5) < found["multiply_adds"].sel(kept=1.0)).all()
    assert (found["seconds"] > 0).all()


def test_principal_components_project_as_computed_plainly(tmp_path: Path) -> None:
    found = done(tmp_path, methods=["pca"]).results("project")["a"]
    data = training_data(Inputs(study(tmp_path), Folder(tmp_path)), "a", TrainSpec(), "steps.project.train")
    net = random_convnet(1, 4)
    weights = sorted((tmp_path / "nets").glob("convnet-*"))
    accuracies = []
    for folder in weights:
        load_weights(net, folder / "final.safetensors")
        before, after = (
            net[: list(dict(net.named_children())).index("fc1")],
            net[list(dict(net.named_children())).index("fc1") :],
        )
        with torch.no_grad():
            x = before(data.train.images[:300].double())
            mean, (_, _, v) = x.mean(0), torch.linalg.svd(x - x.mean(0), full_matrices=False)
            basis = v[: round(x.shape[1] / 2)]
            tested = before(data.test.images[:200].double()) - mean
            logits = after(tested @ basis.T @ basis + mean)
        accuracies.append(float((logits.argmax(1) == data.test.labels[:200]).double().mean()))
    measured = float(found["accuracy"].sel(layers="fc1", kept=0.5, by="pca"))
    nearest = min(abs(measured - one) for one in accuracies)  # one of the two trainings is network a
    assert nearest <= 1 / 200 + 1e-12, "one image of 200 may turn by rounding"


def test_the_report_draws_every_set_of_layers(tmp_path: Path) -> None:
    run = ran(study(tmp_path))
    assert set(run.manifest["figures"]) == {"project-a-all_layers", "project-a-conv2", "project-a-fc1"}
    assert "fewer parameters" in run.page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"other": None}, "steps.project.other: svcca keeps what two networks share; name the other"),
        ({"other": "c"}, "steps.project: 'c' is no network of the study"),
        ({"layers": ["conv9"]}, "steps.project.layers: 'conv9' is no convolution or linear layer of a"),
        ({"layers": ["conv1"]}, "'conv1' is no convolution or linear layer of a that reads several channels"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, **options)
    assert message in str(refused.value)
