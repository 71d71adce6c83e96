"""A layer whose weights share a few values: a codebook, and a code for every weight (Han et al., 2016,
arXiv:1510.00149, section 3).

Codes are fixed once; the shared values train on. A shared value's gradient is the sum over its weights, so that all of
them move together. `SharedWeights` does so inside the training loop, on the net's own weights and under any optimizer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor, nn

from analysis.compression.kmeans import SortedValues, Start, nearest_codes
from analysis.dynamics.train import Hook


@dataclass(frozen=True)
class Shared:
    """One layer's weights as `table()[codes]`."""

    codes: Int32[Tensor, "..."]
    """0 where the weight was zero, then from 1 in the order of the codebook; in the shape of the weight."""
    codebook: Float[Tensor, " shared"]
    """The values, none of them pruned."""

    def table(self) -> Float[Tensor, " codes"]:
        """The codebook behind a zero: what each code stands for."""
        return _table(self.codebook)

    def weight(self) -> Float[Tensor, "..."]:
        """The layer's weights."""
        return self.table()[self.codes]


def shared(
    weights: Mapping[str, Tensor],
    bits: int | Mapping[str, int],
    start: Start = "linear",
    generator: np.random.Generator | None = None,
) -> dict[str, Shared]:
    """k-means of every layer's nonzero weights, 2^bits values a layer or fewer where it has no more.

    bits: 1 to 8, one for all layers or one each. Raises ValueError for others, for weights that are not finite, for a
    layer without a nonzero weight, and for a random start without a generator.
    """
    return {
        name: _clustered(name, weight, bits[name] if isinstance(bits, Mapping) else bits, start, generator)
        for name, weight in weights.items()
    }


def _clustered(name: str, weight: Tensor, bits: int, start: Start, generator: np.random.Generator | None) -> Shared:
    if not 1 <= bits <= 8:
        raise ValueError(f"{name} is to have codes of {bits} bits; expected 1 to 8")
    kept = weight != 0
    values = weight[kept].cpu().numpy()
    if not len(values):
        raise ValueError(f"{name} has no nonzero weight left to share")
    ordered = SortedValues(values)
    found = ordered.lloyd(ordered.start(1 << bits, start, generator))
    codes = torch.zeros(weight.shape, dtype=torch.int32, device=weight.device)
    codes[kept] = torch.from_numpy(nearest_codes(values, found.centroids).astype(np.int32) + 1).to(weight.device)
    return Shared(codes, torch.from_numpy(found.centroids).to(weight))


@torch.no_grad()
def write(net: nn.Module, sharing: Mapping[str, Shared]) -> None:
    """Put the shared values in place of the net's own weights."""
    for name, layer in sharing.items():
        net.get_parameter(name).copy_(layer.weight())


class SharedWeights(Hook):
    """Codes stay, values train, pruned weights stay +0. After every step the weights equal `table[codes]` to the bit.

    The net starts from `write`. Nothing but the codes is held here: values are read from the net, so that a run
    resumes from its weights alone.
    """

    def __init__(self, sharing: Mapping[str, Shared]):
        self._codes = {name: layer.codes.flatten() for name, layer in sharing.items()}
        self._first = {name: first_places(codes, len(sharing[name].codebook)) for name, codes in self._codes.items()}

    def after_backward(self, net: nn.Module, step: int) -> None:
        for name in self._codes:
            gradient = net.get_parameter(name).grad
            if gradient is not None:
                codes = self._on(name, gradient)
                sums = torch.bincount(codes, gradient.flatten().double(), len(self._first[name]) + 1)
                sums[0] = 0.0
                gradient.copy_(sums.to(gradient.dtype)[codes].view_as(gradient))

    @torch.no_grad()
    def after_step(self, net: nn.Module, step: int) -> None:
        # Equal weights with equal gradients move alike, up to how vectors and their remainders are rounded.
        for name, layer in self.sharing(net).items():
            net.get_parameter(name).copy_(layer.weight())

    @torch.no_grad()
    def sharing(self, net: nn.Module) -> dict[str, Shared]:
        """The codes, with the values that the net has now: those of each code's first weight."""
        found = {}
        for name in self._codes:
            weight = net.get_parameter(name)
            codes = self._on(name, weight).view(weight.shape)
            found[name] = Shared(codes, weight.flatten()[self._first[name].to(weight.device)])
        return found

    def _on(self, name: str, like: Tensor) -> Tensor:
        self._codes[name] = self._codes[name].to(like.device)
        return self._codes[name]


def first_places(codes: Int32[Tensor, " weights"], count: int) -> Tensor:
    """Index of the first weight of each code from 1 to `count`."""
    places = torch.arange(len(codes), device=codes.device)
    first = torch.full((count + 1,), len(codes), device=codes.device)
    return first.scatter_reduce(0, codes.long(), places, "amin")[1:]


def _table(codebook: Tensor) -> Tensor:
    return torch.cat([codebook.new_zeros(1), codebook])
