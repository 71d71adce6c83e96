"""Weights of convolutions, linear and recurrent layers, each once."""

import torch
from torch import nn

from analysis.compression.selection import layer_weights


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3),
        nn.Flatten(),
        nn.Linear(4, 5),
        nn.LSTM(5, 2),
        nn.PReLU(),
    )


def test_weights_of_layers_without_biases_and_norms() -> None:
    found = layer_weights(net())
    assert list(found) == ["0.weight", "2.weight", "4.weight", "5.weight_ih_l0", "5.weight_hh_l0"]
    assert not any(weight.requires_grad for weight in found.values())


def test_the_first_convolution_may_be_exempt() -> None:
    assert "0.weight" not in layer_weights(net(), exempt_first_convolution=True)
    assert "2.weight" in layer_weights(net(), exempt_first_convolution=True)
    dense = nn.Sequential(nn.Linear(2, 2))
    assert list(layer_weights(dense, exempt_first_convolution=True)) == ["0.weight"]


def test_a_shared_weight_appears_once_under_a_name_of_the_state_dict() -> None:
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    other.weight = one.weight
    tied = nn.Sequential(one, other)
    assert list(layer_weights(tied)) == ["0.weight"]
    assert torch.equal(layer_weights(tied)["0.weight"], tied.state_dict()["0.weight"])
    assert list(layer_weights(nn.Linear(2, 2))) == ["weight"]
