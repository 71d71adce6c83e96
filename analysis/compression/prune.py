"""Which weights can go? The smallest of each layer; the net then trains on without them (Han et al., 2015,
arXiv:1506.02626; 2016, arXiv:1510.00149).

A mask is True where a weight stays. A share kept is met exactly, ties going to the earlier weight. Pruning in rounds
follows a schedule of falling shares: a weight at zero is the smallest of its layer and so never comes back.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from analysis.dynamics.train import Hook

Masks = dict[str, Tensor]
"""Bool, by the name of the weight and in its shape: True where it stays."""


def magnitude_masks(weights: Mapping[str, Tensor], kept: float | Mapping[str, float]) -> Masks:
    """Keep the share `kept` (0 to 1, one for all or one a layer) of each layer's weights, the largest in magnitude.

    Raises ValueError for a share outside 0 to 1, KeyError for a layer without one.
    """
    return {name: _largest(weight.abs(), _count(name, weight, kept)) for name, weight in weights.items()}


def sensitivity_masks(weights: Mapping[str, Tensor], sensitivity: float | Mapping[str, float]) -> Masks:
    """Keep what is at least `sensitivity` standard deviations of its layer's weights in magnitude."""
    return {name: weight.abs() >= _of(sensitivity, name) * weight.std() for name, weight in weights.items()}


def random_masks(weights: Mapping[str, Tensor], kept: float | Mapping[str, float], generator: torch.Generator) -> Masks:
    """As many as `magnitude_masks` keeps, drawn among those not yet at zero: the control of what magnitude is worth."""
    masks = {}
    for name, weight in weights.items():
        drawn = 1 - torch.rand(weight.shape, generator=generator)  # in (0, 1]: only a pruned weight has 0
        masks[name] = _largest(drawn.to(weight.device) * (weight != 0), _count(name, weight, kept))
    return masks


def falling_shares(final: float, rounds: int) -> tuple[float, ...]:
    """Shares kept after each of `rounds` rounds: each keeps the same share of the last, and the last is `final`."""
    return tuple(final ** (done / rounds) for done in range(1, rounds + 1))


def kept_share(masks: Masks) -> float:
    """Weights that stay, of all that have a mask."""
    return sum(int(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())


class PrunedWeights(Hook):
    """Pruned weights are +0 in every forward pass; neither momentum nor weight decay revives them."""

    def __init__(self, masks: Masks):
        self._masks = dict(masks)

    def before_forward(self, net: nn.Module, step: int) -> None:
        self._cut(net.get_parameter)

    def after_backward(self, net: nn.Module, step: int) -> None:
        self._cut(lambda name: net.get_parameter(name).grad)

    def after_step(self, net: nn.Module, step: int) -> None:
        self._cut(net.get_parameter)

    @torch.no_grad()
    def _cut(self, of: Callable[[str], Tensor | None]) -> None:
        for name in self._masks:
            tensor = of(name)
            if tensor is not None:
                # A product is ten times as fast as filling under a mask, but leaves -0, which a file would keep.
                tensor.mul_(self._mask(name, tensor)).add_(0.0)

    def _mask(self, name: str, like: Tensor) -> Tensor:
        """As factors, made once."""
        mask = self._masks[name]
        if mask.dtype != like.dtype or mask.device != like.device:
            mask = self._masks[name] = mask.to(like)
        return mask


def _count(name: str, weight: Tensor, kept: float | Mapping[str, float]) -> int:
    share = _of(kept, name)
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is to keep a share of {share}; it must lie between 0 and 1")
    return round(share * weight.numel())


def _of(setting: float | Mapping[str, float], name: str) -> float:
    return setting[name] if isinstance(setting, Mapping) else setting


def _largest(score: Tensor, count: int) -> Tensor:
    """True at the `count` largest, at the earlier ones where the last are equal."""
    flat = score.flatten()
    if count == 0:
        return torch.zeros_like(score, dtype=torch.bool)
    last = flat.kthvalue(len(flat) - count + 1).values
    chosen = flat > last
    ties = (flat == last).nonzero().flatten()
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen.view(score.shape)
