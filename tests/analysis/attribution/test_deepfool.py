"""DeepFool against the nearest boundary of a linear net, and its own promises on others."""

import pytest
import torch
from torch import nn

from analysis.attribution.adversarial import pgd
from analysis.attribution.deepfool import PAST, deepfool
from tests.analysis.attribution.nets import small_net
from tests.analysis.attribution.test_adversarial import SCALE, linear_net, pixels, seen, weights


def test_of_a_linear_net_it_is_the_distance_to_the_nearest_hyperplane() -> None:
    net, images = linear_net(5), seen(pixels(6, 0.3, 0.7))
    found = deepfool(net, images, SCALE)
    slopes = weights(net)
    for row, logits in enumerate(net(images)):
        own = int(logits.argmax())
        away = {k: float((logits[own] - logits[k]) / (slopes[k] - slopes[own]).norm()) for k in range(5) if k != own}
        nearest = min(away, key=lambda k: away[k])
        assert float(found.l2[row]) == pytest.approx(1.02 * (away[nearest] + PAST), rel=1e-9)
        assert int(found.after[row]) == nearest
    assert found.success.all()


def test_without_overshoot_the_sample_lies_just_behind_the_boundary() -> None:
    net, images = small_net(), seen(pixels())
    found = deepfool(net, images, SCALE, overshoot=0.0)
    assert found.success.all()
    two = net(found.images).detach().softmax(1).topk(2, dim=1).values
    assert (two[:, 0] - two[:, 1]).max() < 1e-3


def test_projected_descent_finds_nothing_much_nearer() -> None:
    net, images = small_net(nn.Softplus), seen(pixels())
    nearest = deepfool(net, images, SCALE)
    for row in range(4):
        short = pgd(net, images[row : row + 1], SCALE, 0.8 * float(nearest.l2[row]), norm="l2", steps=40)
        assert not short.success.any()
    assert nearest.success.all()


def test_fewer_candidates_look_at_the_likeliest_classes_only() -> None:
    net, images = linear_net(5), seen(pixels(6, 0.3, 0.7))
    found = deepfool(net, images, SCALE, candidates=2, overshoot=1.0)
    ranked = net(images).argsort(1, descending=True)
    behind = net(found.images).gather(1, ranked[:, :2])
    assert (behind[:, 1] > behind[:, 0]).all()


def test_a_class_that_cannot_be_left_is_no_success() -> None:
    net = linear_net()
    net.get_parameter("1.weight")[:] = torch.tensor([[1.0], [0.0]])
    net.get_parameter("1.bias")[:] = torch.tensor([1e4, 0.0])
    found = deepfool(net, seen(pixels(2)), SCALE, steps=3)
    assert not found.success.any()
    assert torch.equal(found.after, found.before)


def test_without_a_slope_nothing_moves() -> None:
    net = linear_net()
    net.get_parameter("1.weight").zero_()
    assert not deepfool(net, seen(pixels(2)), SCALE, steps=3).perturbations.any()
