"""What flows along attention weights from the first layer to the last, and the map of one token's share over the image.

The product of the layers' weights (Abnar & Zuidema, 2020, arXiv:2005.00928); values and MLPs are left out of account.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.attention_weights import Weights


def rollout(layers: Sequence[Weights]) -> Float[Tensor, "samples tokens tokens"]:
    """How much of each input token reaches each token of the last layer: rows sum to 1.

    A layer passes on the mean of its heads averaged with the identity, which stands for the residual connection;
    `layers` are in the network's order.
    Raises ValueError where a layer's queries are not its keys, or layers differ in tokens.
    """
    shapes = {(len(weights), *weights.shape[2:]) for weights in layers}
    if len(shapes) != 1 or (shape := next(iter(shapes)))[1] != shape[2]:
        raise ValueError(f"Rollout needs self-attention over the same tokens in every layer, found {sorted(shapes)}.")
    identity = torch.eye(shape[1], dtype=layers[0].dtype, device=layers[0].device)
    flow = identity.expand(shape)
    for weights in layers:
        flow = (weights.mean(1) + identity) / 2 @ flow
    return flow


def token_map(
    attention: Float[Tensor, "samples tokens tokens"], token: int = 0, grid: tuple[int, int] | None = None
) -> Float[Tensor, "samples height width"]:
    """The row of one token, by default the class token, over the patches as a grid; it lacks the other tokens' share.

    The patches are the last tokens, in reading order. grid: rows and columns, by default a square after one token.
    Raises ValueError where the tokens do not make the grid.
    """
    tokens = attention.shape[2]
    side = math.isqrt(max(tokens - 1, 0))
    if grid is None and side**2 != tokens - 1:
        raise ValueError(f"{tokens} tokens are no class token and a square of patches: give grid as (rows, columns).")
    height, width = grid or (side, side)
    if height * width > tokens:
        raise ValueError(f"A grid of {height} x {width} needs {height * width} patches, there are {tokens} tokens.")
    return attention[:, token, tokens - height * width :].unflatten(1, (height, width))
