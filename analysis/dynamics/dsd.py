"""Dense, sparse, dense: train, prune and train on without the small weights, then let them grow again from zero
(Han et al., ICLR 2017, arXiv:1607.04381).

Only the middle phase has a mask; the last begins with the pruned weights at zero and runs at a tenth of the rate.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.compression.prune import Masks, magnitude_masks
from analysis.compression.selection import layer_weights

LAST_RATE = 0.1
"""Of the last phase, as a share of the first one's."""

FIVE_STEPS = ("trained", "pruned", "trained without them", "zeros come back", "trained again")


def dsd_masks(net: nn.Module, sparsity: float) -> Masks:
    """Masks that remove the share `sparsity` (0 to 1) of every layer's smallest weights, the first convolution's none.

    Raises ValueError for a share outside 0 to 1.
    """
    return magnitude_masks(layer_weights(net, exempt_first_convolution=True), 1.0 - sparsity)


class Histograms(NamedTuple):
    """Weights of one layer at the five steps; where weights are pruned they are not counted."""

    counts: Int[np.ndarray, "steps bins"]
    edges: Float[np.ndarray, " edges"]
    zeros: Float[np.ndarray, " steps"]
    """Share of the weights that are exactly zero, 0 to 1; with those that are pruned."""


def five_histograms(
    dense: Tensor, mask: Tensor, sparse: Tensor, again: Tensor, *, bins: int = 81, within: float = 0.999
) -> Histograms:
    """The layer's weights when trained, pruned, trained under the mask, with zeros back, and trained again.

    All five in float32 and over the same edges, which hold the share `within` of the largest magnitudes; weights
    beyond are counted in the last bin on their side. With an odd number of bins one lies around zero.
    """
    live = mask.bool()
    steps = (dense.flatten(), dense[live], sparse[live], sparse.flatten(), again.flatten())
    values = [step.detach().cpu().numpy() for step in steps]
    reach = max(float(np.quantile(np.abs(step), within)) for step in values) or 1.0
    edges = np.linspace(-reach, reach, bins + 1)
    counts = np.stack([np.histogram(np.clip(step, -reach, reach), edges)[0] for step in values])
    zeros = [1.0 - np.count_nonzero(step) / dense.numel() for step in values]
    return Histograms(counts, edges, np.array(zeros))


def largest(weights: Mapping[str, Tensor]) -> str:
    """The name of the tensor of most weights, the first where several have as many."""
    return max(weights, key=lambda name: weights[name].numel())


def improvement(
    baseline: Sequence[float] | np.ndarray, better: Sequence[float] | np.ndarray
) -> tuple[Float[np.ndarray, " seeds"], Float[np.ndarray, " seeds"]]:
    """Absolute and relative fall of the error, seed by seed; relative to the baseline, NaN where that has none."""
    before, after = np.asarray(baseline, float), np.asarray(better, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return before - after, np.where(before > 0, (before - after) / before, np.nan)
