"""Does a probability of 0.8 come true eight times in ten? Reliability by bins (Guo et al., 2017, arXiv:1706.04599)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

BINS = 10
WILSON = 1.959963984540054
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predictions in equally wide bins of 0-1: adds up over images."""

    images: Int[np.ndarray, " bins"]
    predicted: Float[np.ndarray, " bins"]
    """Sum of the predicted probabilities."""
    came_true: Int[np.ndarray, " bins"]
    squared_error: float

    def merge(self, other: "Reliability") -> "Reliability":
        """Both sets of images."""
        return Reliability(
            self.images + other.images,
            self.predicted + other.predicted,
            self.came_true + other.came_true,
            self.squared_error + other.squared_error,
        )

    def mean_predicted(self) -> Float[np.ndarray, " bins"]:
        """Of every bin; NaN without images."""
        return _shares(self.predicted, self.images)

    def share(self) -> Float[np.ndarray, " bins"]:
        """How often it came true, 0-1; NaN without images."""
        return _shares(self.came_true, self.images)

    def interval(self) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
        """95 % interval of every share (Wilson, 1927): within 0-1 however few the images; NaN without any."""
        images, share, square = self.images, self.share(), WILSON**2
        middle = _shares(images * share + square / 2, images + square * (images > 0))
        half = WILSON * np.sqrt(_shares(images * share * (1 - share) + square / 4, (images + square) ** 2))
        return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)

    def expected_error(self) -> float:
        """Expected calibration error, 0-1: |mean prediction - share| over images; NaN without images."""
        gaps = np.abs(self.predicted - self.came_true).sum()
        return float(gaps / self.images.sum()) if self.images.any() else float("nan")

    def brier(self) -> float:
        """Mean squared error of the probabilities, 0-1; NaN without images."""
        return self.squared_error / float(self.images.sum()) if self.images.any() else float("nan")


def reliability(
    predicted: Float[np.ndarray, " images"], target: Bool[np.ndarray, " images"], bins: int = BINS
) -> Reliability:
    """Of predicted probabilities; a bin holds its lower edge, the last 1 too. ValueError outside 0-1."""
    if not ((predicted >= 0) & (predicted <= 1)).all():
        raise ValueError("Predictions hold values outside 0-1; give probabilities.")
    places = np.minimum((predicted * bins).astype(np.int64), bins - 1)
    return Reliability(
        np.bincount(places, minlength=bins),
        np.bincount(places, predicted, bins).astype(np.float64),
        np.bincount(places[target], minlength=bins),
        float(((predicted - target) ** 2).sum()),
    )


def _shares(parts: np.ndarray, wholes: np.ndarray) -> Float[np.ndarray, " bins"]:
    return np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)
