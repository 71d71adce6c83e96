"""Sampled positions: the same for every network, different between images, and never an alias of the layer's output."""

import numpy as np
import pytest
import torch

from analysis.positions import Policy, drawn, position_count, samples


@pytest.mark.parametrize(("policy", "count"), [("all", 30), ("center", 1), ("mean", 1), (7, 7), (99, 30)])
def test_policies_give_the_positions_they_say(policy: Policy, count: int) -> None:
    maps = torch.arange(2 * 3 * 5 * 6, dtype=torch.float32).reshape(2, 3, 5, 6)
    places = torch.from_numpy(drawn(0, ["x", "y"], 5, 6, policy)) if isinstance(policy, int) else None
    found = samples(maps, policy, places)
    assert found.shape == (2, count, 3) == (2, position_count(policy, 5, 6), 3)
    assert found.is_contiguous()
    before = found.clone()
    maps.mul_(0)
    torch.testing.assert_close(found, before, rtol=0, atol=0)


def test_values_are_those_of_the_places() -> None:
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    places = drawn(1, ["x", "y"], 4, 5, 6)
    found = samples(maps, 6, torch.from_numpy(places))
    for image in range(2):
        for row, place in enumerate(places[image]):
            torch.testing.assert_close(found[image, row], maps[image, :, place // 5, place % 5], rtol=0, atol=0)
    torch.testing.assert_close(samples(maps, "center")[:, 0], maps[:, :, 2, 2], rtol=0, atol=0)


def test_places_follow_seed_image_and_size_only() -> None:
    places = drawn(3, ["x", "y"], 9, 9, 10)
    np.testing.assert_array_equal(places[1], drawn(3, ["y"], 9, 9, 10)[0])
    assert all(len(set(row)) == 10 and row.max() < 81 for row in places.tolist() for row in [np.array(row)])
    assert (places[0] != places[1]).any()
    assert (places != drawn(4, ["x", "y"], 9, 9, 10)).any()


def test_a_vector_layer_is_copied() -> None:
    vector = torch.ones(2, 3, 1, 1)
    found = samples(vector, "all")
    vector.zero_()
    assert found.sum() == 6
