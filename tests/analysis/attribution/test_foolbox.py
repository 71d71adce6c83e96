"""The attacks step for step as Foolbox has them, on a network with its own normalization."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from analysis.attribution.adversarial import fgsm, pgd
from analysis.attribution.deepfool import deepfool
from tests.analysis.attribution.nets import small_net
from tests.analysis.attribution.test_adversarial import DEVIATION, MEAN, SCALE, pixels, seen

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports parts of SciPy by their old names
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")

PICTURES = pixels(6).float()
IMAGES, ENDS = seen(pixels(6)).float(), SCALE.float()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def by_foolbox(attack: Any, criterion: Any, **options: Any) -> torch.Tensor:
    normalization = {"mean": MEAN.float(), "std": DEVIATION.float()}
    model = foolbox.PyTorchModel(small_net().float(), bounds=(0, 1), preprocessing=normalization, device="cpu")
    return attack.run(model, PICTURES, criterion, **options) - PICTURES


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("method", ["fgsm", "linf", "l2"])
def test_one_step_and_many(method: str, targeted: bool) -> None:
    net = small_net().float()
    classes = net(IMAGES).argmax(1)
    if targeted:
        classes = (classes + 1) % 4
    criteria = foolbox.criteria
    criterion = criteria.TargetedMisclassification(classes) if targeted else criteria.Misclassification(classes)
    aim = {"targets": classes} if targeted else {"classes": classes}
    if method == "fgsm":
        ours = fgsm(net, IMAGES, ENDS, 0.03, **aim)
        attack, epsilon = foolbox.attacks.LinfBasicIterativeAttack(rel_stepsize=1.0, steps=1), 0.03
    elif method == "linf":
        ours = pgd(net, IMAGES, ENDS, 0.03, steps=8, rate=0.007, **aim)
        attack, epsilon = foolbox.attacks.LinfPGD(abs_stepsize=0.007, steps=8, random_start=False), 0.03
    else:
        ours = pgd(net, IMAGES, ENDS, 0.4, norm="l2", steps=8, rate=0.1, **aim)
        attack, epsilon = foolbox.attacks.L2PGD(abs_stepsize=0.1, steps=8, random_start=False), 0.4
    theirs = by_foolbox(attack, criterion, epsilon=epsilon)
    # A gradient near 0 may have either sign in float32: a pixel in a thousand.
    same = np.isclose(ours.perturbations, theirs, rtol=0, atol=1e-5)
    assert same.mean() > 0.999
    assert ours.perturbations.any()


def test_deepfool() -> None:
    net = small_net().float()
    theirs = by_foolbox(foolbox.attacks.L2DeepFoolAttack(), foolbox.criteria.Misclassification(net(IMAGES).argmax(1)))
    ours = deepfool(net, IMAGES, ENDS)
    torch.testing.assert_close(ours.perturbations, theirs, rtol=0, atol=2e-5)
    torch.testing.assert_close(ours.l2, theirs.flatten(1).norm(dim=1), rtol=1e-3, atol=0)
    assert ours.success.all()
