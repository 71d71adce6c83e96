"""How many images of a set does an attack turn, against how far it may push them?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from analysis.attribution.adversarial import Adversarial, Norm


@dataclass(frozen=True, eq=False)
class SuccessCurve:
    """Success of every image at every epsilon."""

    epsilons: Float[np.ndarray, " epsilons"]
    """Ascending, in units of the pixel range."""
    success: Bool[np.ndarray, "epsilons images"]
    """The attack with this epsilon succeeded; a single step may fail where a shorter one did not."""

    @property
    def share(self) -> Float[np.ndarray, " epsilons"]:
        """Share of images that the attack with this epsilon turned, 0-1."""
        return self.success.mean(1)

    @property
    def within(self) -> Float[np.ndarray, " epsilons"]:
        """Share of images with a sample found at this epsilon or a smaller one, 0-1: never falls."""
        return np.logical_or.accumulate(self.success, axis=0).mean(1)


def success_curve(attack: Callable[[float], Adversarial], epsilons: Sequence[float]) -> SuccessCurve:
    """Run the attack with each epsilon: `success_curve(lambda epsilon: fgsm(net, images, scale, epsilon), [...])`.

    For the same random start at each epsilon, make the generator inside. Raises ValueError for epsilons that do not
    ascend.
    """
    ascending = _ascending(epsilons)
    return SuccessCurve(ascending, np.stack([attack(float(epsilon)).success.cpu().numpy() for epsilon in ascending]))


def curve_of_nearest(nearest: Adversarial, epsilons: Sequence[float], norm: Norm = "l2") -> SuccessCurve:
    """The curve of an attack that looks for the nearest sample, as `deepfool`: success where it is within epsilon.

    Raises ValueError for epsilons that do not ascend.
    """
    ascending = _ascending(epsilons)
    distances = (nearest.l2 if norm == "l2" else nearest.linf).cpu().numpy()
    return SuccessCurve(ascending, nearest.success.cpu().numpy() & (distances <= ascending[:, None]))


def _ascending(epsilons: Sequence[float]) -> Float[np.ndarray, " epsilons"]:
    ascending = np.asarray(epsilons, dtype=np.float64)
    if not len(ascending) or (np.diff(ascending) <= 0).any():
        raise ValueError(f"epsilons are {list(epsilons)}: give at least one, each larger than the one before.")
    return ascending
