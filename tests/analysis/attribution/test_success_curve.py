"""Curves of attacks whose thresholds are known."""

import numpy as np
import pytest
import torch

from analysis.attribution.adversarial import fgsm
from analysis.attribution.deepfool import deepfool
from analysis.attribution.success_curve import SuccessCurve, curve_of_nearest, success_curve
from tests.analysis.attribution.test_adversarial import SCALE, linear_net, pixels, seen, weights


def test_of_a_linear_net_it_steps_at_each_images_margin() -> None:
    """The sign of the weights turns an image at margin / sum |weights|, the nearest sample at margin / |weights|."""
    net, images = linear_net(), seen(pixels(6, 0.3, 0.7))
    difference = weights(net)[1] - weights(net)[0]
    margins = np.sort((net(images)[:, 0] - net(images)[:, 1]).abs().numpy())
    square, round_ = margins / float(difference.abs().sum()), margins / float(difference.norm())
    between = (square[1:] + square[:-1]) / 2
    curve = success_curve(lambda epsilon: fgsm(net, images, SCALE, epsilon), [0.0, *between, 2 * square[-1]])
    np.testing.assert_allclose(curve.share, np.arange(7) / 6)
    np.testing.assert_allclose(curve.within, curve.share)
    between = 1.025 * (round_[1:] + round_[:-1]) / 2
    nearest = curve_of_nearest(deepfool(net, images, SCALE), [0.0, *between, 2 * round_[-1]])
    np.testing.assert_allclose(nearest.share, np.arange(7) / 6)


def test_what_was_found_nearer_counts_within_farther() -> None:
    success = np.array([[False, True, False], [True, False, False]])
    curve = SuccessCurve(np.array([0.1, 0.2]), success)
    np.testing.assert_allclose(curve.share, [1 / 3, 1 / 3])
    np.testing.assert_allclose(curve.within, [1 / 3, 2 / 3])


def test_a_failed_search_is_no_success_however_near_it_ended() -> None:
    net, images = linear_net().requires_grad_(False), seen(pixels(2))
    net.get_parameter("1.weight").zero_()
    net.get_parameter("1.bias")[:] = torch.tensor([1.0, 0.0])
    assert not curve_of_nearest(deepfool(net, images, SCALE), [0.0, 1.0]).success.any()
    assert not curve_of_nearest(deepfool(net, images, SCALE), [0.0, 1.0], norm="linf").success.any()


def test_epsilons_ascend() -> None:
    for epsilons in ([], [0.1, 0.1], [0.2, 0.1]):
        with pytest.raises(
            ValueError, match=r"^epsilons are \[.*\]: give at least one, each larger than the one before"
        ):
            success_curve(lambda epsilon: fgsm(linear_net(), seen(pixels(2)), SCALE, epsilon), epsilons)
