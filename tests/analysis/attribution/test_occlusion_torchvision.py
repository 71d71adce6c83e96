"""The networks of torchvision: what is computed again is what running all of them gives, to rounding in float64."""

from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import get_model  # type: ignore[import-untyped]

from analysis.attribution.incremental.network import IncrementalNetwork
from analysis.attribution.neuron import Neuron
from analysis.attribution.occluder import Occluder
from analysis.attribution.occlusion import drop, occlusion
from analysis.attribution.readout import Pooled, Target
from analysis.dynamics.seeding import seeded

QUICK = ["resnet18", "squeezenet1_1", "shufflenet_v2_x0_5"]
SLOW = ["alexnet", "vgg11_bn", "googlenet", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "mnasnet0_5",
        "resnext50_32x4d", "efficientnet_b0", "regnet_x_400mf", "convnext_tiny", "inception_v3"]  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False, "init_weights": False},
    "inception_v3": {"transform_input": True, "aux_logits": False, "init_weights": False},
}


def seeded_net(name: str, side: int) -> nn.Module:
    """Random weights that keep the size of the signal, and batch norms that know it; float64, eval mode."""
    with seeded("cpu", 3):
        net: nn.Module = get_model(name, weights=None, num_classes=10, **OPTIONS.get(name, {})).double()
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        with torch.no_grad():
            net.train()(torch.randn(4, 3, side, side, dtype=torch.float64))
    return net.eval()


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_equals_running_the_whole_network(name: str) -> None:
    side = 80 if name != "inception_v3" else 96
    net = seeded_net(name, side)
    images = torch.randn(2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    convolutions = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    early, late = convolutions[len(convolutions) // 4], convolutions[len(convolutions) // 2]
    targets: list[Target] = [Neuron(channel=3), Neuron(channel=[7, 0]), Pooled(late, 1), Neuron(early, 2, "argmax")]
    occluder = Occluder((16, 11), (29, 31), (0.5, -0.5, 1.0))
    with torch.no_grad():
        assert IncrementalNetwork(net, images[:1], [target.layer for target in targets]).stages
    found, expected = (
        occlusion(net, images, targets, occluder, incremental=incremental) for incremental in (True, False)
    )
    for number in range(len(targets)):
        scale = float(expected.scores[:, number].abs().max())
        torch.testing.assert_close(
            found.scores[:, number], expected.scores[:, number], rtol=0, atol=1e-12 * max(scale, 1.0)
        )
        assert float(drop(expected)[:, number].abs().max()) > 1e-3 * scale
