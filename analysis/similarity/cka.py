"""How alike are two layers up to rotation? Linear centered kernel alignment (Kornblith et al., 2019, arXiv:1905.00414).

Both forms follow from sums over samples, without a kernel matrix. The biased one rises with units per sample even where
the layers share nothing; the debiased one does not. Every sum is a polynomial in the weights of the groups, so the
cross-products are contracted once, group with group, and no draw touches them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.comoments import CONSTANT, Comoments
from analysis.similarity.joint import Joint
from analysis.similarity.noise import Scores


def cka(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> Scores:
    """Linear CKA |Sxy|^2 / (|Sxx| |Syy|) in Frobenius norms, a similarity in [0, 1]; NaN where a layer is constant.

    Invariant to rotation (so to permutation), isotropic scaling and translation of either layer; not to other
    invertible maps. Kornblith et al., 2019, arXiv:1905.00414.
    """
    return _scores(joint, weights, _biased)


def debiased_cka(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> Scores:
    """Linear CKA of unbiased HSIC, a similarity in [-1, 1] around 0 for unrelated layers.

    Samples count as independent: positions of one image that are alike bring bias back. NaN where a layer is constant
    or there are fewer than 4 samples. Invariant as `cka`. A draw counts samples as often as it takes them, and copies
    meet each other, so draws lie above the value. Unbiased HSIC: Song et al., 2012 (JMLR 13, p. 1393); in CKA: Nguyen
    et al., 2021, arXiv:2010.15327.
    """
    return _scores(joint, weights, _unbiased)


class _Sums(NamedTuple):
    """Of every weighting, about its own means: samples, |n Sxy|^2, sums of |x|^2, of |y|^2 and of |x|^2 |y|^2."""

    samples: Float[np.ndarray, " draws"]
    products: Float[np.ndarray, " draws"]
    norms_x: Float[np.ndarray, " draws"]
    norms_y: Float[np.ndarray, " draws"]
    norms_xy: Float[np.ndarray, " draws"]


class _Side(NamedTuple):
    """One set of units about its mean over all samples, constant units at 0; the last is still their squared norm."""

    shift: Float[np.ndarray, " units"]
    live: Float[np.ndarray, " units"]
    sums: Float[np.ndarray, "groups units"]
    norm: Float[np.ndarray, " units"]
    """With `variance` added, units times this is the squared norm about the mean."""
    variance: float
    """Mean squared norm about the mean; NaN where no unit is live."""

    def norms(
        self, n: Float[np.ndarray, " draws"], weights: Float[np.ndarray, "draws groups"]
    ) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"]]:
        """Of every draw: its mean's squared distance from that of all, and its sum of squared norms about its own."""
        distance = np.square(weights @ self.sums[:, :-1] / n[:, None]).sum(1)
        about_all = weights @ (self.sums @ self.norm) + n * self.variance
        about_own = about_all - n * distance
        return distance, np.where(about_own > CONSTANT * about_all, about_own, np.nan)


def _scores(
    joint: Joint, weights: Float[np.ndarray, "draws groups"], hsic: Callable[[_Sums], Float[np.ndarray, " draws"]]
) -> Scores:
    weights = np.vstack([np.ones(weights.shape[1]), weights])
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y, xy = (hsic(_sums(comoments, weights)) for comoments in (joint.x, joint.y, joint.xy))
        found = np.clip(np.where((x > 0) & (y > 0), xy / np.sqrt(x) / np.sqrt(y), np.nan), -1.0, 1.0)
    return Scores(float(found[0]), found[1:])


def _biased(sums: _Sums) -> Float[np.ndarray, " draws"]:
    """HSIC on kernels of trace 1: their scale cancels in CKA."""
    return sums.products / sums.norms_x / sums.norms_y


def _unbiased(sums: _Sums) -> Float[np.ndarray, " draws"]:
    """HSIC on kernels with zero diagonals: those of centered samples, less what their own norms put into each sum."""
    n = sums.samples
    pairs = sums.products - sums.norms_xy + sums.norms_x * sums.norms_y / ((n - 1) * (n - 2))
    return np.where(n >= 4, (pairs - 2 * sums.norms_xy / (n - 2)) / (n * (n - 3)), np.nan)


def _sums(comoments: Comoments, weights: Float[np.ndarray, "draws groups"]) -> _Sums:
    """Sums about the mean of all samples, moved to each draw's own. Holds `cross` twice more meanwhile."""
    n = weights @ comoments.n
    x, y = _side(comoments), _side(comoments.swap())
    cross = comoments.cross - comoments.sum_x[:, :, None] * y.shift
    cross -= x.shift[:, None] * y.sums[:, None, :]
    cross *= np.outer(x.live, y.live)
    units = cross[:, :-1, :-1].reshape(len(cross), -1)
    products = np.einsum("wg,gh,wh->w", weights, units @ units.T, weights, optimize=True)
    # Both ends of a form are combinations of the groups' sums, which make a draw's mean, and of the norm.
    forms = _ends(x) @ cross @ _ends(y).T
    mean = np.column_stack([weights / n[:, None], np.zeros(len(n))])
    norm = np.column_stack([-2 * weights / n[:, None], np.ones(len(n))])
    (far_x, norms_x), (far_y, norms_y) = x.norms(n, weights), y.norms(n, weights)
    products += n**2 * far_x * far_y - 2 * n * _form(forms, weights, mean)
    at_x, at_y = x.variance + far_x, y.variance + far_y
    norms_xy = _form(forms, weights, norm) + at_y * norms_x + at_x * norms_y - n * at_x * at_y
    return _Sums(n, products, norms_x, norms_y, norms_xy)


def _side(comoments: Comoments) -> _Side:
    shift = comoments.mean_x() - comoments.pivot_x
    live = np.append(comoments.variance_x()[:-1] > 0, True).astype(np.float64)
    variance = float(shift[-1] - shift[:-1] @ shift[:-1]) if live[:-1].any() else float("nan")
    sums = (comoments.sum_x - np.outer(comoments.n, shift)) * live
    return _Side(shift, live, sums, np.append(-2 * shift[:-1], 1.0), variance)


def _ends(side: _Side) -> Float[np.ndarray, "groups_and_norm units"]:
    units_only = np.append(np.ones(len(side.live) - 1), 0.0)
    return np.vstack([side.sums * units_only, side.norm])


def _form(
    forms: Float[np.ndarray, "groups ends ends"],
    weights: Float[np.ndarray, "draws groups"],
    ends: Float[np.ndarray, "draws ends"],
) -> Float[np.ndarray, " draws"]:
    return np.einsum("wg,gij,wi,wj->w", weights, forms, ends, ends, optimize=True)
