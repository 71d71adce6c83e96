"""Aligned directions over the images, as the SVCCA article draws them (Raghu et al., 2017, arXiv:1706.05806).

The two units of largest norm in each network need not correspond; the first directions of SVCCA do. Images lie class by
class. Of a map the mean over its positions is shown.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.similarity.cca import Canonical
from jobs.steps.layer_pairs import LayerPair

if TYPE_CHECKING:
    from jobs.stored_rows import StoredRows

SHOWN = 2
"""Units of each network, and pairs of aligned directions."""

BLOCK = 256
"""Images read at once."""


def aligned(pair: LayerPair, found: Canonical, stored: "StoredRows", most: int) -> dict[str, Any]:
    """Variables: `largest` and `aligned` (side, shown, image), `largest_units` (side, shown), `label` (image)."""
    rows = stored.images(most)
    labels = stored.labels(rows)
    order = np.argsort(labels, kind="stable")
    outputs = [_pooled(stored, layer, rows)[order] for layer in pair]
    units = [np.argsort(-np.linalg.norm(output, axis=0), kind="stable")[:SHOWN] for output in outputs]
    shown = min(SHOWN, len(found.coefficients), *(output.shape[1] for output in outputs))
    projected = [(o - o.mean(0)) @ d[:, :shown] for o, d in zip(outputs, (found.x, found.y), strict=True)]
    largest = [output[:, chosen[:shown]] for output, chosen in zip(outputs, units, strict=True)]
    return {
        "largest": (("side", "shown", "image"), np.stack([values.T for values in largest])),
        "largest_units": (("side", "shown"), np.stack([chosen[:shown] for chosen in units])),
        "aligned": (("side", "shown", "image"), np.stack([values.T for values in projected])),
        "aligned_coefficients": ("shown", found.coefficients[:shown]),
        "label": ("image", labels[order]),
    }


def _pooled(stored: "StoredRows", layer: str, rows: np.ndarray) -> np.ndarray:
    parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    return np.concatenate([stored.maps(layer, part).mean((2, 3), dtype=np.float64) for part in parts])
