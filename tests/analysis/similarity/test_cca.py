"""Canonical correlations: any invertible map leaves them, textbook CCA of samples agrees, noise stays at its floor."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.similarity.cca import Canonical, TooFewSamples, canonical

seeds = st.integers(0, 2**32 - 1)
SAMPLES = 300


def normal(generator: np.random.Generator, shape: tuple[int, int], kind: str) -> np.ndarray:
    real = generator.normal(size=shape)
    return real + 1j * generator.normal(size=shape) if kind == "complex" else real


def layers(seed: int, units_x: int = 6, units_y: int = 4, kind: str = "real") -> tuple[np.ndarray, np.ndarray]:
    """Samples of two layers that share three of their causes."""
    generator = np.random.default_rng(seed)
    causes = normal(generator, (SAMPLES, 3), kind)
    x, y = (causes @ normal(generator, (3, units), kind) for units in (units_x, units_y))
    return x + normal(generator, x.shape, kind) + 2, y + normal(generator, y.shape, kind) - 1


def mixture(seed: int, units: int, kind: str = "real") -> np.ndarray:
    """An invertible map whose condition number is at most 10."""
    left, _, right = np.linalg.svd(normal(np.random.default_rng(seed), (units, units), kind))
    return left * np.linspace(1, 10, units) @ right


def compared(x: np.ndarray, y: np.ndarray, **options: object) -> Canonical:
    """CCA of the covariance blocks of samples."""
    x, y = x - x.mean(0), y - y.mean(0)
    xx, yy, xy = (one.T @ other.conj() / len(x) for one, other in ((x, x), (y, y), (x, y)))
    return canonical(xx, yy, xy, len(x), **options)  # type: ignore[arg-type]


def of_samples(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The textbook's CCA: cosines between the spans of the centered samples (Bjorck and Golub, 1973)."""
    basis_x, basis_y = (np.linalg.qr(values - values.mean(0))[0] for values in (x, y))
    return np.linalg.svd(basis_x.conj().T @ basis_y, compute_uv=False)


def truncated(samples: np.ndarray, variance: float, power: int) -> np.ndarray:
    """SVCCA's first step as its authors write it: the leading singular directions of the centered samples."""
    u, s, _ = np.linalg.svd(samples - samples.mean(0), full_matrices=False)
    kept = next(k for k in range(len(s) + 1) if np.sum(s[:k] ** power) / np.sum(s**power) >= variance)
    return u[:, :kept] * s[:kept]


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("units", [(6, 4), (4, 6), (5, 5)])
def test_textbook_agrees(kind: str, units: tuple[int, int]) -> None:
    x, y = layers(0, *units, kind)
    found = compared(x, y)
    assert (found.kept_x, found.kept_y) == units
    np.testing.assert_allclose(found.coefficients, of_samples(x, y), atol=1e-12)
    assert found.mean == pytest.approx(of_samples(x, y).mean(), abs=1e-12)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_variates_are_uncorrelated_but_with_their_partner(kind: str) -> None:
    x, y = layers(1, kind=kind)
    found = compared(x, y)
    variates = (x - x.mean(0)) @ found.x.conj(), (y - y.mean(0)) @ found.y.conj()
    for one, other, expected in [(0, 0, np.eye(4)), (1, 1, np.eye(4)), (0, 1, np.diag(found.coefficients))]:
        covariance = variates[one].T @ variates[other].conj() / SAMPLES
        np.testing.assert_allclose(covariance, expected, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, kind=st.sampled_from(["real", "complex"]))
def test_invertible_maps_change_nothing(seed: int, kind: str) -> None:
    x, y = layers(seed, kind=kind)
    mapped = compared(x @ mixture(seed, 6, kind) + 3, y @ mixture(seed + 1, 4, kind))
    np.testing.assert_allclose(mapped.coefficients, compared(x, y).coefficients, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, variance=st.sampled_from([0.8, 1.0]))
def test_permutations_permute_directions(seed: int, variance: float) -> None:
    x, y = layers(seed)
    order = np.random.default_rng(seed).permutation(6)
    plain, moved = compared(x, y, variance=variance), compared(x[:, order], y, variance=variance)
    np.testing.assert_allclose(moved.coefficients, plain.coefficients, atol=1e-12)
    np.testing.assert_allclose(np.abs(moved.x), np.abs(plain.x[order]), atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_scales_of_units_decide_nothing(seed: int) -> None:
    x, y = layers(seed)
    scaled = compared(x * 10.0 ** np.random.default_rng(seed).integers(-6, 6, 6), y)
    assert scaled.kept_x == 6
    np.testing.assert_allclose(scaled.coefficients, compared(x, y).coefficients, atol=1e-10)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_sides_exchange(kind: str) -> None:
    x, y = layers(2, kind=kind)
    np.testing.assert_allclose(compared(y, x).coefficients, compared(x, y).coefficients, atol=1e-12)


def test_dead_units_take_part_in_nothing() -> None:
    x, y = layers(3)
    dead = np.insert(x, 2, 0.0, axis=1)
    found = compared(dead, y)
    assert found.kept_x == 6
    assert not found.x[2].any()
    np.testing.assert_allclose(found.coefficients, compared(x, y).coefficients, atol=1e-12)


@pytest.mark.parametrize("variance", [0.99, 1.0])
def test_where_all_units_are_dead_nothing_is_found(variance: float) -> None:
    x, y = layers(3)
    found = compared(np.zeros_like(x), y, variance=variance)
    assert found.coefficients.shape == (0,)
    assert found.x.shape == (6, 0)
    assert found.y.shape == (4, 0)
    assert (found.kept_x, found.kept_y) == (0, 4 if variance == 1 else compared(y, y, variance=variance).kept_y)
    assert np.isnan(found.mean)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_dependent_units_add_no_direction(kind: str) -> None:
    x, y = layers(4, kind=kind)
    for repeated in (x[:, :1], -3 * x[:, 2:3], x[:, :2] @ np.ones((2, 1))):
        found = compared(np.concatenate([x, repeated], axis=1), y)
        assert found.kept_x == 6
        np.testing.assert_allclose(found.coefficients, compared(x, y).coefficients, atol=1e-10)


def test_low_rank_on_both_sides() -> None:
    x, y = layers(5)
    wide = [values @ np.random.default_rng(6).normal(size=(values.shape[1], 20)) for values in (x, y)]
    found = compared(*wide)
    assert (found.kept_x, found.kept_y) == (6, 4)
    np.testing.assert_allclose(found.coefficients, of_samples(x, y), atol=1e-9)


def test_too_few_samples_are_refused() -> None:
    x, y = layers(7)
    assert len(compared(x[:11], y[:11]).coefficients) == 4
    with pytest.raises(TooFewSamples, match=r"^10 samples cannot correlate 6 with 4 directions.*more than 10\. Take"):
        compared(x[:10], y[:10])
    with pytest.raises(TooFewSamples, match="5 samples cannot correlate 4 with 4 directions"):
        compared(x[:5], y[:5])


def test_the_refusal_travels_between_processes() -> None:
    refusal = pickle.loads(pickle.dumps(TooFewSamples(10, 6, 4)))
    assert str(refusal).startswith("10 samples")
    assert (refusal.kept_x, refusal.kept_y) == (6, 4)


@pytest.mark.parametrize("variance", [0.0, -0.5, 1.01])
def test_shares_outside_0_to_1_are_refused(variance: float) -> None:
    with pytest.raises(ValueError, match=rf"cannot keep a variance of {variance:g}\. Give a share"):
        compared(*layers(8), variance=variance)


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("variance", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("rule", "power"), [("squared", 2), ("unsquared", 1)])
def test_svcca_is_its_authors_recipe(kind: str, variance: float, rule: str, power: int) -> None:
    x, y = layers(9, 12, 10, kind)
    kept_x, kept_y = truncated(x, variance, power), truncated(y, variance, power)
    found = compared(x, y, variance=variance, rule=rule)
    assert (found.kept_x, found.kept_y) == (kept_x.shape[1], kept_y.shape[1])
    np.testing.assert_allclose(found.coefficients, of_samples(kept_x, kept_y), atol=1e-9)


def test_svcca_keeps_one_component_where_one_is_enough() -> None:
    generator = np.random.default_rng(10)
    cause = generator.normal(size=(SAMPLES, 1))
    x, y = (cause @ generator.normal(size=(1, 5)) + 1e-3 * generator.normal(size=(SAMPLES, 5)) for _ in range(2))
    found = compared(x, y, variance=0.99)
    assert (found.kept_x, found.kept_y) == (1, 1)
    assert found.mean == pytest.approx(1, abs=1e-5)
