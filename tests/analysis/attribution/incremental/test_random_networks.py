"""Recomputing what changed is running the whole network, on any network: to rounding in float64."""

import random
from unittest.mock import patch

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from analysis.attribution.incremental import plan, recognition, winograd
from analysis.attribution.incremental.network import IncrementalNetwork
from analysis.attribution.neuron import Neuron
from analysis.attribution.occluder import Occluder
from analysis.attribution.occlusion import occlusion
from analysis.attribution.readout import Pooled, Target
from tests.analysis.attribution.incremental.random_nets import random_nets

HEIGHT, WIDTH = 19, 16


pixels = st.tuples(st.integers(1, HEIGHT), st.integers(1, WIDTH))
strides = st.tuples(st.integers(2, 9), st.integers(2, 9))


def targets_of(net: nn.Sequential, data: st.DataObject) -> list[Target]:
    """Of the output or of some part's maps: sums, means, positions that differ between images."""
    targets: list[Target] = [Neuron(channel=1)] if data.draw(st.booleans()) else []
    part = str(data.draw(st.integers(0, len(net) - 4)))
    kinds: list[Target] = [
        Pooled(part, 0, by="sum"),
        Pooled(part, direction=torch.tensor([1.0, -2.0])),
        Neuron(part, 1, "argmax"),
        Neuron(part, [0, 1], "argmax"),
        Neuron("input", 0, [(0, 0), (HEIGHT - 1, WIDTH - 1)]),
    ]
    return targets + data.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))


@settings(max_examples=120, deadline=None)
@given(data=st.data(), window=pixels, stride=strides, seed=st.integers(0, 99))
def test_equals_running_the_whole_network(
    data: st.DataObject, window: tuple[int, int], stride: tuple[int, int], seed: int
) -> None:
    net, occluder = data.draw(random_nets()), Occluder(window, stride, (0.3, -1.5))
    images = torch.rand(2, 2, HEIGHT, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    targets = targets_of(net, data)
    # Kinds of convolution, and whole maps or parts, whatever pays.
    fewest, most = data.draw(st.sampled_from([1, 128])), data.draw(st.sampled_from([0, 64]))
    chosen = data.draw(st.sampled_from([None, random.Random(seed).random, lambda: 0.0]))
    whole = plan._whole_is_cheaper if chosen is None else lambda *_: chosen() > 0.8
    with (
        patch.object(winograd, "FEWEST", fewest),
        patch.object(recognition, "MOST_CHANNELS", most),
        patch.object(plan, "_whole_is_cheaper", whole),
    ):
        found = occlusion(net, images, targets, occluder)
    expected = occlusion(net, images, targets, occluder, incremental=False)
    assume(bool(expected.scores.isfinite().all()))  # a maximum over padding alone is minus infinity
    scale = max(1.0, float(expected.scores.abs().max()))
    torch.testing.assert_close(found.clean, expected.clean, rtol=0, atol=1e-12 * scale)
    torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-12 * scale)


@settings(max_examples=40, deadline=None)
@given(net=random_nets())
def test_random_networks_are_traced(net: nn.Sequential) -> None:
    with torch.no_grad():
        network = IncrementalNetwork(net, torch.rand(1, 2, HEIGHT, WIDTH, dtype=torch.float64), [None])
    assert network.stages
    assert any(stage.rule for stage in network.stages)
