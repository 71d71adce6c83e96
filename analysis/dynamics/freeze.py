"""Freeze training: layers stop learning one after the other, from the bottom (Raghu et al., 2017, arXiv:1706.05806).

A frozen layer has no gradient, no momentum, no weight decay, and its batch norms keep their statistics and stop using
the batch's; the backward pass ends where the lowest layer that still learns begins, which is what saves time.
"""

from collections.abc import Sequence

from torch import nn

from analysis.dynamics.norms import keep_statistics
from analysis.dynamics.train import Hook


def layer_groups(net: nn.Module) -> list[tuple[str, ...]]:
    """Modules with weights of their own, layer by layer from the input, in the order of registration.

    A normalization, or whatever else has vectors alone, belongs to the layer before it.
    """
    groups: list[tuple[str, ...]] = []
    for name, module in net.named_modules():
        own = list(module.parameters(recurse=False))
        if not own:
            continue
        if groups and all(parameter.ndim < 2 for parameter in own):
            groups[-1] = (*groups[-1], name)
        else:
            groups.append((name,))
    return groups


def frozen_count(step: int, total: int, layers: int) -> int:
    """Layers that are frozen at `step` of `total`: layer i of L (from 1) at i/L of the steps, so the last one never."""
    return min(layers, step * layers // total)


class FrozenLayers(Hook):
    """Freezes the layers of `groups`, bottom first, on the schedule of `frozen_count`; it depends on the step alone.

    They stay frozen after training: `requires_grad` is False.
    """

    def __init__(self, groups: Sequence[tuple[str, ...]], total: int) -> None:
        self.groups, self.total = groups, total

    def before_forward(self, net: nn.Module, step: int) -> None:
        """At every step again: the loop puts the whole network into training mode when an epoch begins."""
        for group in self.groups[: frozen_count(step, self.total, len(self.groups))]:
            for name in group:
                module = net.get_submodule(name)
                for parameter in module.parameters(recurse=False):
                    parameter.requires_grad_(False)
                    parameter.grad = None  # without a gradient an optimizer leaves weight and momentum alone
                keep_statistics(module)
