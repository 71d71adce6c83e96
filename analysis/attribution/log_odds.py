"""log(p / (1 - p)) of a class, straight from logits: it neither saturates nor vanishes where the network is sure.

The gradient of the log-probability is (1 - p) times this one: the same direction, lost in float32 once 1 - p is.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def log_odds(logits: Float[Tensor, "images classes"], chosen: Int[Tensor, " images"]) -> Float[Tensor, " images"]:
    """The logit of each image's chosen class less log(sum of exp) of the others; its sigmoid is the probability.

    Raises ValueError for fewer classes than 2.
    """
    if logits.shape[1] < 2:
        raise ValueError(f"The probability of a class needs at least 2 classes, there is {logits.shape[1]}.")
    is_chosen = torch.arange(logits.shape[1], device=logits.device) == chosen[:, None]
    others = logits.masked_fill(is_chosen, -torch.inf).logsumexp(1)
    return logits.gather(1, chosen[:, None])[:, 0] - others
