"""What a training run minimizes, and what it counts as right: by default classification, or a function of one's own."""

from collections.abc import Callable

from torch import Tensor, nn


class NoLogitsError(TypeError):
    """The net's output is not a matrix of logits; the message has what it is."""


Objective = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(net, batch, target) to the batch's mean loss, which is minimized, and the number of its samples that are right; a
sample of several answers counts by the share of them that is right."""


def classification(net: nn.Module, batch: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats, and the samples whose largest logit is their class.

    Raises NoLogitsError where the net does not give logits (N, classes).
    """
    logits = net(batch)
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        found = f"a tensor {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        mode = "training" if net.training else "eval"
        raise NoLogitsError(f"in {mode} mode the net gives {found}; expected logits (N, classes)")
    return nn.functional.cross_entropy(logits, target), (logits.detach().argmax(1) == target).sum()
