"""Rectifiers that leak give the same values, and a gradient where they are off."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.leaking import LEAK, leaking_rectifiers

FORMS: list[Callable[[Tensor], Tensor]] = [
    nn.ReLU(), nn.ReLU(inplace=True), functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu,
    Tensor.relu_, lambda x: x.clamp(min=0), lambda x: torch.clamp_min(x, 0), nn.Threshold(0, 0),
    torch.ops.aten.relu, lambda x: functional.relu(input=x, inplace=True),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_values_stay_and_gradients_leak(form: Callable[[Tensor], Tensor]) -> None:
    leaf = torch.tensor([-3.0, -1.0, 2.0, 5.0], requires_grad=True)
    with leaking_rectifiers():
        values = form(leaf * 1.0)
    assert values.tolist() == [0, 0, 2, 5]
    (gradient,) = torch.autograd.grad(values, leaf, torch.tensor([1.0, -2.0, 3.0, 4.0]))
    torch.testing.assert_close(gradient, torch.tensor([LEAK, -2 * LEAK, 3, 4]))


def test_in_place_the_input_is_overwritten_as_ever() -> None:
    x = torch.tensor([-1.0, 2.0])
    with leaking_rectifiers():
        y = torch.relu_(x)
    assert y is x
    assert x.tolist() == [0, 2]


def test_other_functions_and_the_time_after_are_left_alone() -> None:
    leaf = torch.tensor([-3.0, 2.0], requires_grad=True)
    with leaking_rectifiers():
        (tanh,) = torch.autograd.grad(leaf.tanh().sum(), leaf)
    torch.testing.assert_close(tanh, 1 - leaf.detach().tanh() ** 2)
    (after,) = torch.autograd.grad(leaf.relu().sum(), leaf)
    assert after.tolist() == [0, 1]
