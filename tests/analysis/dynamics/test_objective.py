"""Classification by the formula, and a loss of one's own in the loop."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.objective import NoLogitsError, classification
from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.train import evaluate, train


def points(count: int = 30) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(1))
    return x, x[:, :3].argmax(1)


def test_classification_is_mean_cross_entropy_and_a_count() -> None:
    x, y = points()
    net = nn.Linear(4, 3)
    loss, right = classification(net, x, y)
    shares = net(x).softmax(1)[torch.arange(30), y]
    assert loss.item() == pytest.approx(-shares.log().mean().item(), rel=1e-6)
    assert right.item() == sum(int(net(row).argmax()) == label for row, label in zip(x, y.tolist(), strict=True))


def test_outputs_that_are_no_logits_are_refused_with_the_mode() -> None:
    net, (x, y) = nn.Flatten(0), points()
    with pytest.raises(NoLogitsError, match=r"^in training mode the net gives a tensor \(120,\); expected logits"):
        classification(net, x, y)
    with pytest.raises(NoLogitsError, match=r"^in eval mode"):
        classification(net.eval(), x, y)


def squared(net: nn.Module, batch: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares; half a sample is right for each of two outputs that is within 0.5."""
    difference = net(batch) - target
    return difference.square().sum(1).mean(), (difference.abs() < 0.5).float().mean(1).sum()


def test_an_objective_of_ones_own_is_minimized_and_scored() -> None:
    x, _ = points()
    y = x[:, :2] - 3 * x[:, 2:] + 1
    net = nn.Linear(4, 2)
    options = TrainOptions(epochs=60, batch=10, learning_rate=0.05, weight_decay=0)
    curves = train(net, x, y, options, objective=squared, test=(x, y))
    np.testing.assert_allclose(net.weight.detach(), [[1, 0, -3, 0], [0, 1, 0, -3]], atol=1e-3)
    assert (curves.test_loss[-1], curves.test_accuracy[-1]) == evaluate(net, x, y, batch=10, objective=squared)
    assert curves.train_accuracy[-1] == 1
    assert curves.test_loss[-1] == pytest.approx((net(x) - y).square().sum(1).mean().item(), abs=1e-6)
    first = nn.Linear(4, 2)
    loss, accuracy = evaluate(first, x, y, batch=7, objective=squared)
    assert loss == pytest.approx((first(x) - y).square().sum(1).mean().item(), rel=1e-5)
    assert accuracy == pytest.approx(((first(x) - y).abs() < 0.5).float().mean().item())
