"""Does a backward image depend on what the network learned? The same network with random weights is the control.

A method whose images stay alike when the weights are drawn anew explains the image and not the network (Adebayo et
al., 2018, arXiv:1810.03292). Their cascade goes from the top down: `randomized(net, seed, cascade(net)[:k])`, k = 1,
2, ...; a layer's new weights depend on the seed and the layer alone, so each step contains the one before.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from analysis.activations import expand
from analysis.dynamics.seeding import seeded


def cascade(net: nn.Module) -> list[str]:
    """Names of the modules with parameters of their own, the last registered first: in most nets from the output."""
    return [name for name, module in reversed(list(net.named_modules())) if name and module._parameters]


def randomized(net: nn.Module, seed: int, layers: Literal["all"] | Sequence[str] = "all") -> nn.Module:
    """A deep copy whose named modules, with all inside them, have new parameters; the rest is as learned.

    A module with `reset_parameters` gets the default of its class, whatever the network's own initialization was
    (batch norm forgets its running statistics); other parameters are drawn from a normal distribution with the mean
    and standard deviation they have. Random numbers come from streams of their own on the parameters' device.
    Raises KeyError with the nearest name for an unknown module.
    """
    net = copy.deepcopy(net)
    modules = dict(net.named_modules())
    chosen = [""] if layers == "all" else expand(net, list(layers))
    for number, (name, module) in enumerate(modules.items()):
        if any(name == top or top == "" or name.startswith(f"{top}.") for top in chosen):
            _reset(module, seed, number)
    return net


@torch.no_grad()
def _reset(module: nn.Module, seed: int, number: int) -> None:
    parameters = list(module.parameters(recurse=False))
    held = [*parameters, *module.buffers(recurse=False)]
    if not held:
        return
    before = [parameter.clone() for parameter in parameters]
    with seeded(held[0].device, seed, number):
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
        for parameter, old in zip(parameters, before, strict=True):
            # Also where `weight` is computed from other parameters, which its reset does not reach.
            if torch.equal(parameter, old):
                parameter.copy_(old.mean() + old.std(correction=0) * torch.randn_like(old))
