"""Two networks that differ by the order of their channels are one: bring the second into the order of the first.

Channels of every hidden layer are paired by correlation over the same images (bipartite matching), and the second
network's are put in that order; what it computes stays the same (Entezari et al., 2021, arXiv:2110.06296).
"""

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.activations import complete, recorded
from analysis.comoments import Accumulator, Pair
from analysis.compression.selection import layer_weights
from analysis.dynamics.norms import BATCH_NORMS
from analysis.evaluating import evaluating
from analysis.positions import samples
from analysis.similarity.correlation import correlation
from analysis.similarity.matching import ALONE, Pairing, bipartite_matching

WEIGHTED = (nn.Conv2d, nn.Linear)
EACH_CHANNEL = (
    nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.Identity, nn.Dropout, nn.Dropout2d, nn.MaxPool2d,
    nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
"""Modules that treat every channel alike and apart, so that channels may change places around them."""


class Hidden(NamedTuple):
    """The channels between two layers with weights; names of modules."""

    made_by: str
    norms: tuple[str, ...]
    matched_at: str
    """The last module before the reader that still has the channels apart."""
    read_by: str


def hidden_layers(net: nn.Module) -> list[Hidden]:
    """Every hidden layer of a sequential network, input to output.

    Raises ValueError for a network that is not sequential, and for a module whose channels may not change places.
    """
    if not isinstance(net, nn.Sequential):
        raise ValueError(f"channels of a {type(net).__name__} cannot be put in order; give a sequential network")
    found: list[Hidden] = []
    made_by, norms, last, flat = "", list[str](), "", False
    for name, module in net.named_children():
        if isinstance(module, WEIGHTED):
            if isinstance(module, nn.Conv2d) and module.groups != 1:
                raise ValueError(f"channels before {name} cannot be put in order: it is a convolution in groups")
            if made_by:
                found.append(Hidden(made_by, tuple(norms), last, name))
            made_by, norms, last, flat = name, [], name, False
        elif isinstance(module, nn.Flatten):
            flat = isinstance(net.get_submodule(made_by), nn.Conv2d) if made_by else False
        elif isinstance(module, BATCH_NORMS) and made_by and not flat:
            norms, last = [*norms, name], name
        elif isinstance(module, EACH_CHANNEL):
            last = last if flat else name
        else:
            kind = type(module).__name__
            raise ValueError(
                f"channels cannot be put in order around {name}, a {kind}; give one of convolutions, linear layers, "
                "norms and pools"
            )
    return found


def matched_channels(
    a: nn.Module, b: nn.Module, images: Float[Tensor, "images ..."], *, batch: int = 250
) -> dict[str, Int[np.ndarray, " channels"]]:
    """For every hidden layer, by the module that makes it, which channel of `b` is each channel of `a`.

    Constant channels correlate with nothing and take what is left, in order.
    """
    layers = hidden_layers(a)
    takes = {layer.matched_at: partial(samples, policy="all") for layer in layers}
    widths = {layer.matched_at: len(a.get_submodule(layer.made_by).get_parameter("weight")) for layer in layers}
    pivots = {f"{side} {name}": np.zeros(width) for name, width in widths.items() for side in "ab"}
    sums = Accumulator({Pair(f"a {name}", f"b {name}"): 1 for name in widths}, pivots)
    with torch.no_grad(), evaluating(a), evaluating(b), recorded(a, takes) as in_a, recorded(b, takes) as in_b:
        for part in images.split(batch):
            given: dict[str, Tensor] = {}
            for side, net, outputs in (("a", a, in_a), ("b", b, in_b)):
                net(part)
                given |= {f"{side} {name}": values for name, values in complete(outputs, takes).items()}
            sums.add(given, np.zeros(len(part), np.int64))
    found = {pair.x.removeprefix("a "): correlation(comoments) for pair, comoments in sums.comoments().items()}
    return {layer.made_by: _whole(bipartite_matching(found[layer.matched_at]), widths[layer.matched_at])
            for layer in layers}  # fmt: skip


def reordered(net: nn.Module, order: Mapping[str, Int[np.ndarray, " channels"]]) -> nn.Module:
    """A copy whose channel i of each hidden layer is channel order[i] of `net`; it computes the same."""
    result = copy.deepcopy(net)
    state = result.state_dict()  # shares memory with the copy
    for layer in hidden_layers(net):
        if layer.made_by not in order:
            continue
        chosen = torch.from_numpy(np.asarray(order[layer.made_by], np.int64))
        for name in (layer.made_by, *layer.norms):
            for key in (key for key in state if key.rpartition(".")[0] == name and state[key].ndim):
                state[key].copy_(state[key][chosen].clone())
        weight = state[f"{layer.read_by}.weight"]
        # A flattened map has its channels in blocks, one after the other.
        blocks = weight.reshape(weight.shape[0], len(chosen), -1)
        weight.copy_(blocks[:, chosen].reshape(weight.shape).clone())
    return result


def weight_cosine(a: nn.Module, b: nn.Module) -> float:
    """Cosine of the angle between all weights of two networks, biases and norms left out; in [-1, 1]."""
    x, y = (torch.cat([weight.flatten() for weight in layer_weights(net).values()]).double() for net in (a, b))
    return float(x @ y / (x.norm() * y.norm()))


def _whole(pairs: Pairing, units: int) -> Int[np.ndarray, " units"]:
    """A permutation: units that were matched, the others in the order in which they are left."""
    partners = pairs.partners(units)
    free: Sequence[int] = np.setdiff1d(np.arange(units), partners).tolist()
    partners[partners == ALONE] = free
    return partners
