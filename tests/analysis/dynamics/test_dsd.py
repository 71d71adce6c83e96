"""Dense, sparse, dense: what is pruned, what the five histograms count, and what an improvement is."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.compression.prune import PrunedWeights
from analysis.dynamics.dsd import dsd_masks, five_histograms, improvement, largest
from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.seeding import seeded
from analysis.dynamics.train import train
from jobs.nets.translator import translator


def net() -> nn.Sequential:
    with seeded("cpu", 0):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(128, 10)
        )  # fmt: skip


def test_every_layer_but_the_first_convolution_loses_its_smallest_weights() -> None:
    found = net()
    masks = dsd_masks(found, 0.3)
    assert list(masks) == ["2.weight", "4.weight"]
    for name, mask in masks.items():
        weight = found.get_parameter(name).detach().abs()
        assert int((~mask).sum()) == round(0.3 * mask.numel())
        assert weight[~mask].max() <= weight[mask].min()


def test_recurrent_weights_are_pruned_too() -> None:
    masks = dsd_masks(translator(9, 8, hidden=4), 0.5)
    assert {"encoder.weight_hh_l0", "encoder.weight_ih_l0_reverse", "decoder.cell.weight_hh"} <= set(masks)
    assert not any("bias" in name or "embedding" in name for name in masks)


def test_the_mask_holds_through_the_sparse_phase_and_pruned_weights_grow_again_from_zero() -> None:
    found = net()
    masks = dsd_masks(found, 0.4)
    images, labels = torch.randn(64, 1, 8, 8), torch.arange(64) % 10
    options = TrainOptions(epochs=2, batch=16, weight_decay=0.1)
    train(found, images, labels, options, hooks=[PrunedWeights(masks)])
    assert all(not found.get_parameter(name)[~mask].any() for name, mask in masks.items())
    assert all(found.get_parameter(name).dtype == torch.float32 for name in masks)
    train(found, images, labels, options)
    assert all(found.get_parameter(name)[~mask].ne(0).float().mean() > 0.9 for name, mask in masks.items())


def test_histograms_count_live_weights_alone_in_the_second_and_third_step() -> None:
    dense = torch.linspace(-1, 1, 100).reshape(10, 10)
    mask = dense.abs() > 0.3
    sparse = torch.where(mask, dense * 1.5, 0.0)
    again = sparse + 0.01
    found = five_histograms(dense, mask, sparse, again, bins=21, within=1.0)
    live = int(mask.sum())
    assert found.counts.sum(1).tolist() == [100, live, live, 100, 100]
    np.testing.assert_allclose(found.zeros, [0, 1 - live / 100, 1 - live / 100, 1 - live / 100, 0])
    assert found.edges[0] == -found.edges[-1] == pytest.approx(-1.51)
    assert found.counts[1, 10] == found.counts[2, 10] == 0 < 100 - live <= found.counts[3, 10]
    assert found.counts[0].tolist() == np.histogram(dense, found.edges)[0].tolist()


def test_improvement_is_absolute_and_relative_to_the_baseline() -> None:
    absolute, relative = improvement([0.311, 0.0], [0.300, 0.1])  # the first is the paper's GoogLeNet
    np.testing.assert_allclose(absolute, [0.011, -0.1])
    np.testing.assert_allclose(relative, [0.0354, np.nan], atol=1e-4)


def test_the_largest_layer_is_that_of_most_weights() -> None:
    assert largest({"a": torch.zeros(3), "b": torch.zeros(2, 2), "c": torch.zeros(4)}) == "b"
