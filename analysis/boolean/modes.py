"""Does a unit stand for one thing or several? Its strongest images, split by what the next layer makes of them.

Images are split in two while the split shows a valley that one Gaussian of the same mean and covariance hardly ever
shows: the unimodal control (after Liu et al., 2008, doi:10.1198/016214508000000454, whose control it is, and Hamerly
and Elkan, 2003, who split on). A valley, as in Hartigan's dip (1985), needs two peaks: a tail alone is none.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

ALONE = -1
"""The mode of an image that is far from all others."""

STARTS = 5
"""Leading principal axes along which a split is tried: modes need not lie along the widest."""
LLOYD_ROUNDS = 30
GRID = np.linspace(-5.0, 5.0, 121)
"""Where a density is taken, in standard deviations: a mode of 5 % may lie 4.4 from the mean."""
BANDWIDTH = 0.25
"""Of a density of 100 values, in standard deviations: Silverman's rule, of 0.36, smooths over two peaks."""

Samples = Float[np.ndarray, "*sets images features"]


class Split(NamedTuple):
    """One set of images and the best way to part it."""

    parts: tuple[Int[np.ndarray, " members"], ...]
    """The two parts, or the set in one where it was not parted; without images that were set aside."""
    valley: float
    """Depth of the valley along the line through both means: from 0 (one peak) to 1 (a gap), see `modes`."""
    control: Float[np.ndarray, " draws"]
    """The same of the controls."""
    p: float
    """Share of controls with as deep a valley, the images themselves counted as one more."""


@dataclass(frozen=True, eq=False)
class Modes:
    """The mode of every image, or ALONE; modes are numbered by their images, the largest first."""

    labels: Int[np.ndarray, " images"]
    splits: tuple[Split, ...]
    """Every set that was tested, the whole first."""

    @property
    def count(self) -> int:
        """Number of modes."""
        return int(self.labels.max(initial=-1)) + 1

    def strongest(self, mode: int, count: int = 9) -> Int[np.ndarray, " images"]:
        """The first images of a mode, in the order given."""
        return np.flatnonzero(self.labels == mode)[:count]


def modes(
    activations: Float[np.ndarray, "images features"],
    generator: np.random.Generator,
    *,
    level: float = 0.05,
    draws: int = 200,
    components: int = 10,
    smallest: int = 5,
) -> Modes:
    """Modes of images by their activations, strongest image first; the number is 1 or more.

    A valley is what a smoothed density lacks to the lower of the peaks beside it, as a share of the highest peak; all
    three by their square roots, as in Tukey's rootogram: the noise of peaks is then alike, and small modes count.

    Only the leading principal `components` are looked at. A set of a share s of the images is parted where p is at most
    `level` times s, so that a unimodal whole is parted in about `level` of cases (Kimes et al., 2017, arXiv:1411.5259);
    one both long and very skewed more often: of exponential samples with deviations 1, 1/2, 1/3 and on a quarter.
    Fewer than `smallest` images are no mode: what splits off in smaller numbers is set aside as ALONE. Invariant to
    rotation, translation and scale of the features. ValueError where `draws` are too few to ever reach `level`.
    """
    if not 1 / (draws + 1) <= level:
        raise ValueError(f"{draws} control draws cannot reach a level of {level:g}; give at least {int(1 / level)}.")
    points = _principal(activations, components)
    labels, splits = np.full(len(points), ALONE), []
    waiting, found = [np.arange(len(points))], list[np.ndarray]()
    while waiting:
        members = waiting.pop(0)
        split = _tested(points, members, generator, level * len(members) / len(points), draws, smallest)
        splits.append(split)
        (waiting if len(split.parts) > 1 else found).extend(split.parts)
    for mode, members in enumerate(sorted(found, key=lambda members: (-len(members), members[0]))):
        labels[members] = mode
    return Modes(labels, tuple(splits))


def unimodal(
    points: Float[np.ndarray, "images features"], draws: int, generator: np.random.Generator
) -> Float[np.ndarray, "draws images features"]:
    """As many images from one Gaussian, again and again; every draw has exactly the points' mean and covariance."""
    mean = points.mean(0)
    _, strength, axes = np.linalg.svd(points - mean, full_matrices=False)
    rank = min(len(strength), len(points) - 1)
    drawn = generator.standard_normal((draws, len(points), rank))
    spread = np.linalg.qr(drawn - drawn.mean(1, keepdims=True))[0]
    return mean + spread * strength[:rank] @ axes[:rank]


def _tested(
    points: Float[np.ndarray, "images features"],
    members: Int[np.ndarray, " members"],
    generator: np.random.Generator,
    level: float,
    draws: int,
    smallest: int,
) -> Split:
    while len(members) >= 2 * smallest:
        sides, valleys = _split(points[members])
        best = int(np.argmax(valleys))
        valley, side = float(valleys[best]), sides[best]
        fewer = side if 2 * side.sum() <= len(side) else ~side
        if valley == 0 or fewer.sum() >= smallest:
            break
        members = members[~fewer]
    else:
        return Split((members,), 0.0, np.empty(0), 1.0)
    control = _split(unimodal(points[members], draws, generator))[1].max(-1)
    p = float((1 + np.sum(control >= valley)) / (draws + 1))
    return Split((members[side], members[~side]) if p <= level else (members,), valley, control, p)


def _split(points: Samples) -> tuple[Bool[np.ndarray, "*sets starts images"], Float[np.ndarray, "*sets starts"]]:
    """Two means from both sides of each leading principal axis, and the valley between them."""
    centered = points - points.mean(-2, keepdims=True)
    across = np.swapaxes(centered, -1, -2)
    axes = np.linalg.eigh(across @ centered)[1][..., ::-1][..., :STARTS]
    sides = np.swapaxes(axes, -1, -2) @ across > 0
    for _ in range(LLOYD_ROUNDS):
        one, other = _mean(centered, sides), _mean(centered, ~sides)
        middle = ((one - other) * (one + other) / 2).sum(-1, keepdims=True)
        before, sides = sides, (one - other) @ across > middle
        if np.array_equal(before, sides):
            break
    toward = _mean(centered, sides) - _mean(centered, ~sides)
    return sides, _valley(toward @ across)


def _mean(points: Samples, sides: np.ndarray) -> np.ndarray:
    weights = sides.astype(np.float64)
    return weights @ points / np.maximum(weights.sum(-1, keepdims=True), 1)


def _valley(values: Float[np.ndarray, "*sets images"]) -> Float[np.ndarray, "*sets"]:
    *sets, images = values.shape
    spread = values.std(-1, keepdims=True)
    scaled = (values - values.mean(-1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    places = np.clip(np.rint((scaled - GRID[0]) / (GRID[1] - GRID[0])), 0, len(GRID) - 1).astype(np.int64)
    first = np.arange(np.prod(sets, dtype=np.int64)).reshape(*sets, 1) * len(GRID)
    heights = np.bincount((first + places).ravel(), minlength=first.size * len(GRID)).reshape(*sets, len(GRID))
    width = BANDWIDTH * (images / 100) ** -0.2
    density = np.sqrt(heights @ np.exp(-0.5 * ((GRID[:, None] - GRID) / width) ** 2))
    from_left = np.maximum.accumulate(density, -1)
    from_right = np.maximum.accumulate(density[..., ::-1], -1)[..., ::-1]
    return (np.minimum(from_left, from_right) - density).max(-1) / density.max(-1)


def _principal(activations: np.ndarray, components: int) -> Float[np.ndarray, "images components"]:
    centered = activations.astype(np.float64) - activations.mean(0, dtype=np.float64)
    left, strength, _ = np.linalg.svd(centered, full_matrices=False)
    points = (left * strength)[:, :components]
    # The sign of an axis is arbitrary: fixed here, or a rotation would meet other controls.
    return points * np.sign(points[np.abs(points).argmax(0), np.arange(points.shape[1])])
