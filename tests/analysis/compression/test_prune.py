"""Shares met exactly, largest kept, masks that no optimizer undoes."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from analysis.compression.prune import (
    PrunedWeights,
    falling_shares,
    kept_share,
    magnitude_masks,
    random_masks,
    sensitivity_masks,
)
from analysis.compression.selection import layer_weights
from analysis.dynamics.recipe import Optimizer, TrainOptions
from analysis.dynamics.seeding import seeded
from analysis.dynamics.train import Hook, train


def small_net() -> nn.Module:
    with seeded("cpu", 4):
        return nn.Sequential(OrderedDict(fc1=nn.Linear(6, 20), relu=nn.ReLU(), fc2=nn.Linear(20, 3)))


def points() -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    return x, x[:, :3].argmax(1)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.floats(0, 1))
def test_the_largest_are_kept_and_their_number_is_exact(values: list[int], share: float) -> None:
    weight = torch.tensor(values, dtype=torch.float32)
    mask = magnitude_masks({"w": weight}, share)["w"]
    assert mask.sum() == round(share * len(values))
    if mask.any() and not mask.all():
        assert weight[mask].abs().min() >= weight[~mask].abs().max()


def test_shares_and_sensitivities_by_layer() -> None:
    weights = {"a": torch.arange(1.0, 11), "b": torch.tensor([[-2.0, 0.1], [0.2, 2.0]])}
    masks = magnitude_masks(weights, {"a": 0.3, "b": 0.5})
    assert masks["a"].nonzero().flatten().tolist() == [7, 8, 9]
    assert masks["b"].tolist() == [[True, False], [False, True]]
    assert kept_share(masks) == 5 / 14
    deviation = weights["b"].std().item()
    assert sensitivity_masks(weights, {"a": 0.0, "b": 2 / deviation - 1e-6})["b"].tolist() == masks["b"].tolist()
    assert sensitivity_masks(weights, {"a": 0.0, "b": 1.0})["a"].all()


def test_random_masks_keep_as_many_and_never_revive() -> None:
    weights = {"a": torch.randn(30, 10), "b": torch.randn(50)}
    masks, kept = dict.fromkeys(weights, torch.ones(1)), dict(weights)
    for share in (0.5, 0.2):
        drawn = random_masks(kept, share, torch.Generator().manual_seed(1))
        assert [int(mask.sum()) for mask in drawn.values()] == [
            round(share * weight.numel()) for weight in weights.values()
        ]
        assert all((drawn[name] <= (masks[name] != 0)).all() for name in masks)
        masks, kept = drawn, {name: weights[name] * drawn[name] for name in weights}
    again = random_masks(weights, 0.5, torch.Generator().manual_seed(2))
    assert not torch.equal(again["a"], random_masks(weights, 0.5, torch.Generator().manual_seed(3))["a"])


def test_rounds_keep_the_same_share_of_the_last_and_end_at_the_final() -> None:
    assert falling_shares(0.125, 3) == pytest.approx((0.5, 0.25, 0.125))
    assert falling_shares(0.08, 1) == (0.08,)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"^fc1.weight is to keep a share of {share}; it must lie between 0 and 1$"):
        magnitude_masks(layer_weights(small_net()), {"fc1.weight": share, "fc2.weight": 0.5})


class Watch(Hook):
    """Bits of pruned weights and of their gradients, step by step."""

    def __init__(self, masks: dict[str, Tensor]):
        self.masks, self.steps = masks, 0

    def _pruned_bits(self, net: nn.Module, gradient: bool = False) -> int:
        bits = 0
        for name, mask in self.masks.items():
            weight = net.get_parameter(name)
            held = weight.grad if gradient else weight
            assert held is not None
            bits |= int(held.detach().view(torch.int32)[~mask].abs().max())
        return bits

    def before_forward(self, net: nn.Module, step: int) -> None:
        assert self._pruned_bits(net) == 0

    def after_backward(self, net: nn.Module, step: int) -> None:
        assert self._pruned_bits(net, gradient=True) == 0

    def after_step(self, net: nn.Module, step: int) -> None:
        assert self._pruned_bits(net) == 0
        self.steps += 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_neither_momentum_nor_weight_decay_revives_pruned_weights(optimizer: Optimizer) -> None:
    net = small_net()
    masks = magnitude_masks(layer_weights(net), 0.25)
    # Momentum that the pruned weights gathered before would move them afterwards.
    options = TrainOptions(epochs=3, batch=16, optimizer=optimizer, weight_decay=0.1)
    watch, before = Watch(masks), net.get_parameter("fc1.weight").detach().clone()
    train(net, *points(), options, hooks=[PrunedWeights(masks), watch])
    assert watch.steps == 12
    after = net.get_parameter("fc1.weight").detach()
    assert (after != before)[masks["fc1.weight"]].all()
    assert magnitude_masks(layer_weights(net), 0.25).keys() == masks.keys()
    assert torch.equal(magnitude_masks(layer_weights(net), 0.25)["fc1.weight"], masks["fc1.weight"])
