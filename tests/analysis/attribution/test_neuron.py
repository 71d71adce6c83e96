"""A neuron in a batch: channels, directions and positions of each image; what does not fit is named."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.attribution.neuron import Neuron


@pytest.fixture
def maps() -> Tensor:
    return torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_channels_and_positions_of_each_image_in_any_form(maps: Tensor) -> None:
    expected = torch.stack([maps[0, 4, 3, 5], maps[1, 0, 0, 1], maps[2, 2, 2, 2]])
    channels, positions = [4, 0, 2], [(3, 5), (0, 1), (2, 2)]
    for form in (list, np.array, torch.tensor):
        values, places = Neuron("conv", form(channels), form(positions)).target(maps)
        assert torch.equal(values, expected)
        assert places.tolist() == [list(position) for position in positions]


def test_one_for_all_is_each_alike(maps: Tensor) -> None:
    values, positions = Neuron("conv", 1, (2, 3)).target(maps)
    assert torch.equal(values, maps[:, 1, 2, 3])
    assert positions.tolist() == [[2, 3]] * 3


def test_argmax_is_each_images_own_largest_and_the_first_of_equals(maps: Tensor) -> None:
    values, positions = Neuron("conv", [1, 2, 3], "argmax").target(maps)
    for image, channel in enumerate([1, 2, 3]):
        assert values[image] == maps[image, channel].max()
        assert values[image] == maps[image, channel, positions[image, 0], positions[image, 1]]
    assert Neuron("conv", 0, "argmax").target(torch.ones(1, 1, 3, 3)).positions.tolist() == [[0, 0]]


def test_a_direction_is_the_weighted_sum_of_channels(maps: Tensor) -> None:
    direction = np.array([1.0, 0.0, -2.0, 0.5, 0.0])
    summed = np.einsum("c,nchw->nhw", direction, maps.numpy())
    values, positions = Neuron("conv", direction=direction, position="argmax").target(maps)
    np.testing.assert_allclose(values, summed.max((1, 2)), rtol=1e-14)
    np.testing.assert_array_equal(positions[:, 0] * 6 + positions[:, 1], summed.reshape(3, -1).argmax(1))
    unit = Neuron("conv", direction=torch.eye(5)[3], position=(1, 1)).target(maps).values
    assert torch.equal(unit, maps[:, 3, 1, 1])


def test_a_vector_needs_no_position() -> None:
    vectors = torch.arange(6.0).reshape(2, 3, 1, 1)
    assert Neuron(channel=[2, 0]).target(vectors).values.tolist() == [2, 3]
    assert Neuron(channel=1).at(torch.zeros(2, 2, dtype=torch.int64)).target(vectors).values.tolist() == [1, 4]


def test_the_seed_is_zeros_with_a_one(maps: Tensor) -> None:
    maps.requires_grad_()
    Neuron("conv", [4, 0, 2], (1, 2)).target(maps).values.sum().backward()
    seed = torch.zeros_like(maps)
    for image, channel in enumerate([4, 0, 2]):
        seed[image, channel, 1, 2] = 1
    assert maps.grad is not None
    assert torch.equal(maps.grad, seed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": 5, "position": (0, 0)}, r"^Channel 5 is not in layer conv: it has 0 to 4.$"),
        ({"channel": [0, -1, 2], "position": (0, 0)}, "^Channel -1 is not in layer conv"),
        ({"channel": [0, 1], "position": (0, 0)}, "^2 channels for 3 images"),
        ({"channel": 0}, r"^layer conv has 4 x 6 positions: name one as \(y, x\), or argmax.$"),
        ({"channel": 0, "position": (4, 0)}, r"^Position \(4, 0\) is not in layer conv: its maps are 4 x 6.$"),
        ({"channel": 0, "position": [(0, 0), (0, 1), (0, 6)]}, r"^Position \(0, 6\) is not in layer conv"),
        ({"channel": 0, "position": [(0, 0)] * 4}, "^4 positions for 3 images"),
        ({"direction": np.ones(4), "position": (0, 0)}, "^The direction has 4 weights, layer conv 5 channels.$"),
        ({"position": (0, 0)}, "^A neuron of layer conv needs either a channel or a direction.$"),
        ({"channel": 0, "direction": np.ones(5)}, "^A neuron of layer conv needs either"),
    ],
)
def test_what_does_not_fit_is_named(maps: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Neuron("conv", **options).target(maps)
