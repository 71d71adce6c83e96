"""The step perturb: the numbers of the attacks alone, whatever the units; curves, samples, occluders that flip."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from analysis.attribution.adversarial import fgsm
from analysis.attribution.deepfool import deepfool
from jobs.errors import UserError
from jobs.nets.build import build
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import Done, numbers, ran, small

EPSILONS = [0.01, 0.05, 0.3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a convnet that tells digits apart: one with random weights hardly changes its mind."""
    folder = tmp_path_factory.mktemp("trained")
    train = {"seed": 1, "epochs": 4, "batch": 32}
    numbers(small(folder, nets={"a": {"arch": "convnet", "train": train, "options": {"width": 6}}}, steps=["evaluate"]))
    (found,) = folder.glob("nets/*/final.safetensors")
    return found


def trained(weights: Path) -> nn.Module:
    net = build("convnet", (1, 8, 8), 10, {"width": 6}, (), 0)
    net.load_state_dict(load_file(weights))
    return net.eval()


def study(weights: Path, folder: Path, unit: int = 32, rows: int = 40, **options: Any) -> Study:
    images = {"unit": unit, "batch": 8, "limit": rows}
    nets = {"a": {"arch": "convnet", "weights": str(weights), "options": {"width": 6}}}
    asked = {"epsilons_linf": EPSILONS, "epsilons_l2": EPSILONS, "steps": 3, "images": 2, **options}
    return small(folder, nets=nets, layers=["conv1"], images=images, steps=[{"perturb": asked}])


def done(weights: Path, folder: Path, **options: Any) -> Done:
    return numbers(study(weights, folder, **options))


def test_numbers_are_those_of_the_attacks_over_all_images_at_once(weights: Path, tmp_path: Path) -> None:
    run = done(weights, tmp_path, attacks=["fgsm", "deepfool"])
    found, net = run.results("perturb")["a"], trained(weights)
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0]).float()
    scale = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    expected = [fgsm(net, images, scale, epsilon) for epsilon in EPSILONS]
    agree = [found["success_fgsm"].values[:, e] == one.success.numpy() for e, one in enumerate(expected)]
    assert np.mean(agree) > 0.99  # a pixel on the boundary may fall on either side in another batch
    np.testing.assert_array_equal(found["before"], expected[0].before)
    np.testing.assert_allclose(found["confidence"], expected[0].confidence_before, rtol=1e-4)
    nearest = deepfool(net, images, scale)
    of_deepfool = found["distance"].sel(attack="deepfool").values
    turned = nearest.success.numpy() & np.isfinite(of_deepfool)
    assert turned.mean() > 0.9
    np.testing.assert_allclose(of_deepfool[turned], nearest.l2.numpy()[turned], rtol=0.02)
    within = found["success_deepfool"].values.astype(bool)
    np.testing.assert_array_equal(within, of_deepfool[:, None] <= EPSILONS)


def test_other_units_give_the_same(weights: Path, tmp_path: Path) -> None:
    one, other = (
        done(weights, tmp_path / str(unit), unit=unit, attacks=["pgd_l2"]).results("perturb")["a"] for unit in (32, 16)
    )
    np.testing.assert_array_equal(one["row"], other["row"])
    assert (one["success_pgd_l2"].values == other["success_pgd_l2"].values).mean() > 0.99


def test_a_drawn_change_turns_its_image(weights: Path, tmp_path: Path) -> None:
    run = done(weights, tmp_path, attacks=["deepfool"])
    found, net = run.results("perturb")["a"], trained(weights)
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0][:2]).float()
    with torch.no_grad():
        after = net(images + torch.from_numpy(found["perturbation"].values[:, 0])).argmax(1).numpy()
    np.testing.assert_array_equal(after, found["after"].values[:, 0])
    assert (after != found["before"].values[:2]).all()


def test_covered_windows_flip_the_class(weights: Path, tmp_path: Path) -> None:
    run = done(weights, tmp_path, attacks=["fgsm"], window=3)
    found, net = run.results("perturb")["a"], trained(weights)
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0][:2]).float()
    assert found["window"].values[-1].tolist() == [6, 6, 2, 2]
    for number, image in enumerate(images):
        for y, x, height, width in found["window"].values[found["covered"].values[number]]:
            image[:, y : y + height, x : x + width] = 0.5
        with torch.no_grad():
            flipped = int(net(image[None]).argmax())
        wanted = int(found["class_without"].values[number])
        assert flipped == wanted or wanted == -1


def test_the_report_draws_them(weights: Path, tmp_path: Path) -> None:
    run = ran(study(weights, tmp_path, rows=8, attacks=["fgsm", "pgd_l2"], window=4, away_from="label"))
    assert set(run.manifest["figures"]) == {"perturb-success-linf", "perturb-success-l2", "perturb-samples-a"}
    assert " because of (" in run.page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 9}, "steps.perturb.window: 9 pixels are more than the images of a have, 8"),
        ({"nets": ["c"]}, "steps.perturb.nets: there is no network 'c'"),
    ],
)
def test_what_is_not_there_is_named(weights: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(weights, tmp_path, **options)
    assert message in str(refused.value)


def test_epsilons_ascend(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give each once, the smallest first"):
        study(weights, tmp_path, epsilons_linf=[0.2, 0.1])
