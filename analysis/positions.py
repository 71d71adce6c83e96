"""Which positions of a feature map count as samples: all, the center, the mean, or k drawn for each image.

Drawn positions depend on the study's seed, the image and the map's size, never on the network or the layer, so that
two networks are read at the same places of the same images.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

Policy = Literal["all", "center", "mean"] | int
"""A named policy, or the number of positions to draw from each image."""


def position_count(policy: Policy, height: int, width: int) -> int:
    """Samples that one map of this size gives under `policy`."""
    if policy == "all":
        return height * width
    return min(policy, height * width) if isinstance(policy, int) else 1


def drawn(seed: int, ids: Sequence[str], height: int, width: int, count: int) -> Int[np.ndarray, "images count"]:
    """`count` distinct flat positions for each image, ascending; all of them where the map is no larger."""
    if count >= height * width:
        return np.tile(np.arange(height * width), (len(ids), 1))
    rows = []
    for name in ids:
        digest = sha256(f"{seed}/{name}/{height}x{width}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        rows.append(np.sort(generator.choice(height * width, count, replace=False)))
    return np.stack(rows) if rows else np.empty((0, count), np.int64)


def samples(
    maps: Float[Tensor, "images channels height width"],
    policy: Policy,
    places: Int[Tensor, "images count"] | None = None,
) -> Float[Tensor, "images positions channels"]:
    """The samples of each image under `policy`, contiguous, in memory of their own; a number needs `places`."""
    images, _, height, width = maps.shape
    if policy == "center":
        return maps[:, :, height // 2, width // 2].clone()[:, None, :]
    if policy == "mean":
        return maps.mean(dim=(2, 3))[:, None, :]
    rows = maps.flatten(2).transpose(1, 2)
    if policy != "all" and policy < height * width:
        if places is None:
            raise ValueError("A drawn policy needs the places.")
        return rows[torch.arange(images, device=maps.device)[:, None], places]
    copied = rows.contiguous()
    # Channels-last maps, and maps of one position, are contiguous rows already and would alias the layer's output.
    return copied.clone() if copied.data_ptr() == maps.data_ptr() else copied
