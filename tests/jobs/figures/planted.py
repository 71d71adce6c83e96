"""Two feature sets with planted matches, and the plates of a comparison made from them."""

from dataclasses import dataclass

import numpy as np

from analysis.units.filters import filter_images, filter_scale
from jobs.figures.curves import Layer, Matched, Means, Pairing, depth, pairing_curves, sorted_correlations
from jobs.figures.matrix import Panel, matrices
from jobs.figures.plate import Plate, plate_name
from jobs.figures.tiles import Pairs, drawn_note, paired_filters

SAMPLES = 600
THRESHOLDS = np.linspace(0.0, 1.0, 51)


@dataclass(frozen=True)
class Compared:
    """Correlations of one layer of A with one of B, and the same on permuted samples."""

    name: str
    within_a: np.ndarray
    within_b: np.ndarray
    between: np.ndarray
    floor: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """Channels of B in A's order, unmatched ones last."""
        matched = greedy(self.between)
        return np.concatenate([matched, np.setdiff1d(np.arange(self.between.shape[1]), matched)])


def compared(name: str, units_a: int, units_b: int, noise: float, seed: int = 0) -> Compared:
    """Channels of A mix a few sources; most of B's are noisy copies of A's in shuffled order, one is dead if wide."""
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(SAMPLES, max(4, units_a // 3)))
    a = np.maximum(sources @ rng.normal(size=(sources.shape[1], units_a)) + rng.normal(size=(SAMPLES, units_a)), 0)
    copies = a[:, rng.permutation(units_a)[:units_b]]
    levels = noise * rng.uniform(0.1, 3.0, size=copies.shape[1])
    extra = np.maximum(rng.normal(size=(SAMPLES, units_b - copies.shape[1])), 0)
    b = np.hstack([copies + levels * a.std() * rng.normal(size=copies.shape), extra])
    b = b[:, rng.permutation(units_b)]
    whole = np.corrcoef(a.T, b.T)
    permuted = np.corrcoef(a.T, b[rng.permutation(SAMPLES)].T)[:units_a, units_a:]
    parts = [whole[:units_a, :units_a], whole[units_a:, units_a:], whole[:units_a, units_a:], permuted]
    if units_b > 20:
        parts[1][3, :] = parts[1][:, 3] = parts[2][:, 3] = parts[3][:, 3] = np.nan
    return Compared(name, *parts)


def panels(layer: Compared) -> list[Panel]:
    """Within A, within B, between, and between with B in A's order."""
    return [
        Panel("within a", layer.within_a, "channel of a", "channel of a"),
        Panel("within b", layer.within_b, "channel of b", "channel of b"),
        Panel("between, natural order", layer.between, "channel of b", "channel of a"),
        Panel("between, b in a's order", layer.between[:, layer.order], "channel of b, matched", "channel of a"),
    ]


def greedy(rho: np.ndarray) -> np.ndarray:
    """A partner in B for every channel of A, strongest pairs first: good enough to draw."""
    left = np.nan_to_num(rho, nan=-1.0)
    partners = np.zeros(len(rho), dtype=int)
    for _ in range(len(rho)):
        row, column = np.unravel_index(left.argmax(), left.shape)
        partners[row] = column
        left[row, :] = left[:, column] = -2.0
    return partners


def matched(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Semi-matched and bipartite correlations of A's channels."""
    ranked = np.nan_to_num(rho, nan=-1.0)
    return ranked.max(axis=1), rho[np.arange(len(rho)), greedy(rho)]


def share(rho: np.ndarray) -> np.ndarray:
    """Share of A's channels whose partner correlates at least so much."""
    best = rho[np.arange(len(rho)), greedy(rho)]
    return np.array([(best >= at).mean() for at in THRESHOLDS])


def matrix_plate(layer: Compared) -> Plate:
    """The four matrices of one layer."""
    drawn = panels(layer)
    arrays = dict(zip(("within_a", "within_b", "between", "permuted"), (panel.values for panel in drawn), strict=True))
    figure = matrices(drawn, limits=(-1.0, 1.0), color_label="Pearson correlation over images and positions")
    return Plate(plate_name("matrices", layer.name), f"Correlations at {layer.name}", HOW["matrices"], figure, arrays)


def curve_plates(layers: list[Compared]) -> list[Plate]:
    """Sorted correlations, pairing curves, and means against depth, of all layers together."""
    real, floors = [matched(layer.between) for layer in layers], [matched(layer.floor) for layer in layers]
    sorted_layers, pairings = [], []
    for layer, values, floor in zip(layers, real, floors, strict=True):
        rows = [Matched(name, *pair) for name, *pair in zip(("semi-matching", "bipartite"), values, floor, strict=True)]
        sorted_layers.append(Layer(layer.name, tuple(rows)))
        curve = share(layer.between)
        full = THRESHOLDS[curve >= 1.0]
        bottleneck = float(full[-1]) if len(full) else None
        pairings.append(Pairing(layer.name, THRESHOLDS, curve, share(layer.floor), bottleneck))
    means = [
        Means(
            name,
            *(
                np.array(row)
                for row in zip(*(_summary(r[k], f[k]) for r, f in zip(real, floors, strict=True)), strict=True)
            ),
        )
        for k, name in enumerate(("semi-matching", "bipartite"))
    ]
    names = [layer.name for layer in layers]
    figures = {
        "sorted": sorted_correlations(sorted_layers),
        "pairing": pairing_curves(pairings),
        "depth": depth(names, means, y_label="mean matched correlation"),
    }
    arrays = {"thresholds": THRESHOLDS}
    return [Plate(name, TITLES[name], HOW[name], figure, arrays) for name, figure in figures.items()]


def _summary(values: np.ndarray, floor: np.ndarray) -> tuple[float, float, float, float]:
    mean, spread = float(np.nanmean(values)), 2 * float(np.nanstd(values)) / len(values) ** 0.5
    return mean, mean - spread, mean + spread, float(np.nanmean(floor))


def filters_plate(units: int = 16, channels: int = 3, side: int = 5, seed: int = 0) -> Plate:
    """The best and the worst eight of planted filter matches."""
    rng = np.random.default_rng(seed)
    rho = np.sort(rng.uniform(-0.1, 0.99, units))[::-1]
    waves = np.sin(np.linspace(0, 5, side) * rng.uniform(0.5, 2, (units, 1)) + rng.uniform(0, 6, (units, 1)))
    a = waves[:, None, :, None] * waves[:, None, None, ::-1] * rng.normal(1, 0.4, (units, channels, 1, 1))
    b = rho[:, None, None, None] * a + (1 - rho[:, None, None, None]) * rng.normal(0, 0.4, a.shape)
    scale = filter_scale(a, b)
    a_images, b_images = filter_images(a, scale), filter_images(b, scale)
    order = rng.permutation(units)
    blocks = [
        Pairs(title, a_images[span], b_images[span], rho[span], list(range(units))[span], list(order)[span])
        for title, span in (("best eight", slice(0, 8)), ("worst eight", slice(-8, None)))
    ]
    figure = paired_filters(blocks, name_a="seed-one", name_b="seed-two", note=drawn_note(channels))
    arrays = {"filters_a": a_images, "filters_b": b_images, "rho": rho}
    return Plate("filters-semi", "First-layer filters of semi-matches", HOW["filters"], figure, arrays)


TITLES = {
    "sorted": "Matched correlations, sorted",
    "pairing": "Channels that pair one-to-one",
    "depth": "Mean matched correlation against depth",
}
HOW = {
    "matrices": (
        "Each cell is the correlation of two channels; in the natural order the networks share no diagonal, and the "
        "diagonal of the last matrix shows how many channels of a have a counterpart in b."
    ),
    "sorted": "A curve that stays high means that most channels have partners; compare it with its dashed noise floor.",
    "pairing": "Read at which correlation the curve leaves 1: up to there every channel has a partner of its own.",
    "depth": "Where the two matchings part, several channels of a share one partner in b.",
    "filters": "Filters that match well look alike, up to a shift; those that match badly show what one net lacks.",
}
