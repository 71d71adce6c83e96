"""How alike are the spaces that two layers span, whatever their units? Canonical correlations from covariances.

CCA compares all directions, SVCCA those that carry most of the variance (Raghu et al., 2017, arXiv:1706.05806), PWCCA
weighs each by how much of the layer it accounts for (Morcos et al., 2018, arXiv:1806.05759). Two eigendecompositions
and a singular value decomposition of d x d blocks; samples are never needed. Real or complex blocks.

With fewer samples than the directions of both sides every coefficient is 1 or nearly so for noise alone, hence refused.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Inexact
from scipy.linalg import solve_triangular

from analysis.comoments import Comoments
from analysis.similarity.joint import Covariances, Joint
from analysis.similarity.noise import Scores

RANK = 1e-6
"""Eigenvalues of a correlation matrix below this share of the largest are float32 rounding, not a direction: it came
to 7e-7 for units as far from zero as they vary (64 to 512 units, 65,536 samples)."""

NEGATIVE = 2.0
"""So are eigenvalues below this many times the most negative one, which rounding alone makes: for units at 5 standard
deviations from zero it reaches 2e-5, spread about 0 alike on both sides."""

Rule = Literal["squared", "unsquared"]
"""What SVCCA sums to its share of variance: squared singular values, or singular values as its authors' code does."""


class TooFewSamples(ValueError):  # noqa: N818 (reads as what happened)
    """There are no more samples than directions of both sides together."""

    def __init__(self, samples: float, kept_x: int, kept_y: int):
        super().__init__(samples, kept_x, kept_y)  # what pickle calls the class with again
        self.kept_x, self.kept_y = kept_x, kept_y

    def __str__(self) -> str:
        samples, kept_x, kept_y = self.args
        return (
            f"{samples:g} samples cannot correlate {kept_x} with {kept_y} directions: CCA needs more than "
            f"{kept_x + kept_y}. Take more images, or SVCCA with a smaller variance."
        )


@dataclass(frozen=True)
class Canonical:
    """Canonical correlations of x with y, and the directions that have them."""

    coefficients: Float[np.ndarray, " directions"]
    """Largest first, in [0, 1]; as many as the side with fewer directions keeps."""
    x: Inexact[np.ndarray, "units_x directions"]
    """Column k is a_k: the variate a_k^H (x - mean) has unit variance, and correlates with no other."""
    y: Inexact[np.ndarray, "units_y directions"]
    """Column k is b_k; the k-th coefficient is the correlation of a_k^H (x - mean) with b_k^H (y - mean)."""
    kept_x: int
    """Directions of x that were compared."""
    kept_y: int
    """Directions of y that were compared."""

    @property
    def mean(self) -> float:
        """Mean coefficient; NaN where no direction was kept."""
        return float(self.coefficients.mean()) if len(self.coefficients) else float("nan")


class CanonicalScores(NamedTuple):
    """The score of two layers with its draws, and the canonical correlations that it sums up."""

    scores: Scores
    found: Canonical


def canonical(
    x: Inexact[np.ndarray, "units_x units_x"],
    y: Inexact[np.ndarray, "units_y units_y"],
    xy: Inexact[np.ndarray, "units_x units_y"],
    samples: float,
    *,
    variance: float = 1.0,
    rule: Rule = "squared",
    rank: float = RANK,
    directions: bool = True,
) -> Canonical:
    """CCA of covariance blocks: x is E[x x^H] about the mean, y is E[y y^H], xy is E[x y^H].

    `variance` 1: all directions of units scaled to unit variance, so that scales decide nothing. Below 1, SVCCA: of the
    unscaled units the fewest leading directions that reach this share of the total, as counted by `rule`. On both,
    eigenvalues below `rank` of the largest are cut first. Units of zero variance take part in no direction; where
    nothing is left there are no coefficients. Without `directions` the coefficients alone, in half the time.
    TooFewSamples unless `samples` exceeds the directions kept on both sides.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"SVCCA cannot keep a variance of {variance:g}. Give a share above 0 and up to 1, as 0.99.")
    whiten_x, whiten_y = (_whitening(block, variance, rule, rank) for block in (x, y))
    kept_x, kept_y = whiten_x.shape[1], whiten_y.shape[1]
    if min(kept_x, kept_y) and samples <= kept_x + kept_y:
        raise TooFewSamples(samples, kept_x, kept_y)
    left, coefficients, right = np.linalg.svd(whiten_x.conj().T @ xy @ whiten_y, full_matrices=False)
    return Canonical(np.clip(coefficients, 0.0, 1.0), whiten_x @ left, whiten_y @ right.conj().T, kept_x, kept_y)


def cca(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> CanonicalScores:
    """Mean canonical correlation of two layers, in [0, 1]: 1 where one layer's span holds the other's.

    NaN, with no coefficients, where a layer has no live unit or there are too few samples for the directions found.
    """
    return svcca(joint, weights, variance=1.0)


def svcca(
    joint: Joint, weights: Float[np.ndarray, "draws groups"], *, variance: float = 0.99, rule: Rule = "squared"
) -> CanonicalScores:
    """Mean canonical correlation of the directions that carry `variance` of each layer, in [0, 1]; NaN as in `cca`.

    Raghu et al., 2017, arXiv:1706.05806.
    """
    found = _canonical(_covariances(joint), variance, rule)
    return CanonicalScores(_scores(joint, found, np.ones(len(found.coefficients)), weights), found)


def pwcca(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> CanonicalScores:
    """Canonical correlations weighed by their variates' summed |covariance| with the units, in [0, 1]; NaN as in `cca`.

    The variates are those of the side with fewer directions, of x where both have as many; draws keep the weights.
    Morcos et al., 2018, arXiv:1806.05759; their code leaves out the whitening when it forms the variates.
    """
    covariances = _covariances(joint)
    found = _canonical(covariances, 1.0, "squared")
    side, directions = (covariances.x, found.x) if found.kept_x <= found.kept_y else (covariances.y, found.y)
    return CanonicalScores(_scores(joint, found, np.abs(side @ directions).sum(0), weights), found)


def _whitening(
    covariance: Inexact[np.ndarray, "units units"], variance: float, rule: Rule, rank: float
) -> Inexact[np.ndarray, "units kept"]:
    """Columns that turn units into uncorrelated variates of unit variance, the leading direction first."""
    power = np.diagonal(covariance).real
    live = np.flatnonzero(power > 0)
    scale = np.sqrt(power[live]) if variance == 1 else np.ones(len(live))
    standardized = covariance[np.ix_(live, live)] / np.outer(scale, scale)
    columns = _by_cholesky(standardized, rank) if variance == 1 else None
    if columns is None:
        values, vectors = np.linalg.eigh(standardized)
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = _kept(values, variance, rule, rank)
        columns = vectors[:, :kept] / np.sqrt(values[:kept])
    whitening = np.zeros((len(power), columns.shape[1]), columns.dtype)
    whitening[live] = columns / scale[:, None]
    return whitening


def _by_cholesky(
    correlation: Inexact[np.ndarray, "units units"], rank: float
) -> Inexact[np.ndarray, "units units"] | None:
    """Whitening where nothing can be cut, at a third of the cost of eigenvectors; None where something might be.

    No eigenvalue is below 1 / |inverse|, none above |correlation|, in Frobenius norms.
    """
    try:
        inverse = solve_triangular(np.linalg.cholesky(correlation), np.eye(len(correlation)), lower=True)
    except np.linalg.LinAlgError:
        return None
    least = 1 / max(float(np.linalg.norm(inverse)) ** 2, 1.0)
    return inverse.conj().T if least > rank * np.linalg.norm(correlation) else None


def _kept(values: Float[np.ndarray, " units"], variance: float, rule: Rule, rank: float) -> int:
    """How many leading eigenvalues, given largest first, are directions and reach `variance` of all that are."""
    cut = max(rank * values.max(initial=0.0), -NEGATIVE * values.min(initial=0.0))
    values = values[values > cut]
    if variance == 1 or not len(values):
        return len(values)
    share = np.cumsum(values if rule == "squared" else np.sqrt(values))
    return int(np.searchsorted(share / share[-1], variance)) + 1


def _covariances(joint: Joint) -> Covariances:
    """Of no samples zeros, as of dead units."""
    if joint.xy.rows:
        return joint.covariances()
    units_x, units_y = joint.xy.cross.shape[1] - 1, joint.xy.cross.shape[2] - 1
    return Covariances(np.zeros((units_x, units_x)), np.zeros((units_y, units_y)), np.zeros((units_x, units_y)), 0)


def _canonical(covariances: Covariances, variance: float, rule: Rule) -> Canonical:
    """Of too few samples no coefficients, but the directions counted."""
    try:
        return canonical(*covariances, variance=variance, rule=rule)
    except TooFewSamples as few:
        x, y = (np.zeros((len(block), 0)) for block in (covariances.x, covariances.y))
        return Canonical(np.zeros(0), x, y, few.kept_x, few.kept_y)


def _scores(
    joint: Joint,
    found: Canonical,
    importance: Float[np.ndarray, " directions"],
    weights: Float[np.ndarray, "draws groups"],
) -> Scores:
    """Average of the coefficients by importance, with the directions and their importance kept under the draws."""
    if not len(found.coefficients):
        return Scores(float("nan"), np.full(len(weights), np.nan))
    share = importance / importance.sum()
    return Scores(float(found.coefficients @ share), _resampled(joint, found, weights) @ share)


def _resampled(
    joint: Joint, found: Canonical, weights: Float[np.ndarray, "draws groups"]
) -> Float[np.ndarray, "draws directions"]:
    """Correlation of the variates of every direction under every weighting, in [-1, 1]; NaN where one is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = _variate_covariance(joint.xy, found.x, found.y, weights)
        variance_x = _variate_covariance(joint.x, found.x, found.x, weights)
        variance_y = _variate_covariance(joint.y, found.y, found.y, weights)
        scale = np.sqrt(np.maximum(variance_x, 0) * np.maximum(variance_y, 0))
        return np.clip(np.where(scale > 0, covariance / scale, np.nan), -1.0, 1.0)


def _variate_covariance(
    comoments: Comoments,
    x: Float[np.ndarray, "units_x directions"],
    y: Float[np.ndarray, "units_y directions"],
    weights: Float[np.ndarray, "draws groups"],
) -> Float[np.ndarray, "draws directions"]:
    """Covariance of each direction's two variates under every weighting: each group's sums are projected once."""
    units = comoments.units(slice(-1), slice(-1))
    n = (weights @ units.n)[:, None]
    cross = np.einsum("gik,ik->gk", units.cross @ y, x)
    return weights @ cross / n - (weights @ (units.sum_x @ x) / n) * (weights @ (units.sum_y @ y) / n)
