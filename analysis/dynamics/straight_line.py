"""What lies between two trained networks: the loss along the straight line from one's weights to the other's
(Goodfellow et al., 2014, arXiv:1412.6544; Frankle et al., 2019, arXiv:1912.05671)."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.dynamics.norms import BATCH_NORMS
from analysis.dynamics.train import evaluate


def between(a: nn.Module, b: nn.Module, share: float) -> nn.Module:
    """A network whose weights are (1 - share) of `a` plus share of `b`, in eval mode; counters are those of `a`."""
    found = copy.deepcopy(a).eval()
    others = b.state_dict()
    with torch.no_grad():
        for name, tensor in found.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_((1 - share) * tensor + share * others[name])
    return found


@torch.no_grad()
def renormalized(net: nn.Module, images: Float[Tensor, "images ..."], *, batch: int = 250) -> nn.Module:
    """The network itself with the means and variances of every batch norm taken anew over `images`.

    Those of a mixture of two networks are neither's, and without this its loss says nothing of its weights.
    """
    norms = [module for module in net.modules() if isinstance(module, BATCH_NORMS)]
    if not norms:
        return net
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    for part in images.split(batch):
        if len(part) > 1:
            net(part)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return net.eval()


def along_the_line(
    a: nn.Module,
    b: nn.Module,
    shares: Sequence[float] | Float[np.ndarray, " points"],
    test: tuple[Tensor, Tensor],
    train: Float[Tensor, "images ..."],
) -> Float[np.ndarray, "points 2"]:
    """Loss (nats) and accuracy (0 to 1) on `test` at each share of the way from `a` to `b`.

    train: images over which batch norms are taken anew at each point, the ends too.
    """
    return np.array([evaluate(renormalized(between(a, b, float(share)), train), *test) for share in shares])


def barrier(losses: Float[np.ndarray, " points"], shares: Float[np.ndarray, " points"]) -> float:
    """How far the loss rises above the straight line between its own two ends, in nats; 0 or more."""
    level = losses[0] + (losses[-1] - losses[0]) * (shares - shares[0]) / (shares[-1] - shares[0])
    return float((losses - level).max())
