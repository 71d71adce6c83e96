"""CCA per frequency: all of the flattened CCA where images come at every shift; a loop over the plane anywhere."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comoments import Pair
from analysis.similarity.cca import canonical
from analysis.similarity.fourier import SpectralJoint, fourier_cca, similarity_map
from analysis.similarity.frequencies import Frequencies, common, independent
from analysis.similarity.spectra import SpectralAccumulator, spectra

GROUPS = 4
UNIT = np.ones((1, GROUPS))


def joint(
    x: np.ndarray, y: np.ndarray, frequencies: Frequencies | None = None, permuted: bool = False
) -> SpectralJoint:
    """The joint of maps, by default at all their frequencies, images in equal groups in order."""
    frequencies = frequencies or independent(*x.shape[2:])
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y", permuted)
    accumulator = SpectralAccumulator(dict.fromkeys(pairs, GROUPS))
    sets = {"x": spectra(x, frequencies), "y": spectra(y, frequencies)}
    accumulator.add(sets, np.arange(x.shape[0]) * GROUPS // x.shape[0])
    xx, yy, xy = (accumulator.comoments()[pair] for pair in pairs)
    return SpectralJoint(xx, yy, xy, frequencies)


def layers(seed: int, images: int = 60, size: tuple[int, int] = (4, 6)) -> tuple[np.ndarray, np.ndarray]:
    """Rectified maps of 5 and 3 channels that share some of their causes."""
    generator = np.random.default_rng(seed)
    causes = generator.normal(size=(images, 3, *size))
    x, y = (np.einsum("nkhw,ku->nuhw", causes, generator.normal(size=(3, units))) for units in (5, 3))
    return tuple(np.maximum(maps + generator.normal(size=maps.shape), 0) for maps in (x, y))


def mean_correlation(x: np.ndarray, y: np.ndarray, variance: float = 1.0) -> tuple[float, int, int]:
    """The textbook's CCA of (samples, units): cosines between the spans of leading singular directions."""
    bases = []
    for values in (x, y):
        u, s, _ = np.linalg.svd(values - values.mean(0), full_matrices=False)
        share = np.cumsum(s**2) / np.sum(s**2)
        bases.append(u[:, : min(np.searchsorted(share, variance - 1e-12) + 1, len(s))])
    cosines = np.linalg.svd(bases[0].conj().T @ bases[1], compute_uv=False)
    return cosines.mean(), bases[0].shape[1], bases[1].shape[1]


def naive(x: np.ndarray, y: np.ndarray, variance: float) -> np.ndarray:
    """One CCA at every frequency of the whole plane."""
    plane_x, plane_y = np.fft.fft2(x), np.fft.fft2(y)
    found = np.empty(x.shape[2:])
    for at in np.ndindex(*found.shape):
        found[at] = mean_correlation(plane_x[:, :, *at], plane_y[:, :, *at], variance)[0]
    return found


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([(4, 4), (3, 5), (4, 3), (1, 6), (5, 1), (1, 1)]),
    variance=st.sampled_from([1.0, 0.99, 0.9]),
)
def test_the_mean_is_that_of_the_whole_plane(seed: int, size: tuple[int, int], variance: float) -> None:
    x, y = layers(seed, size=size)
    found = fourier_cca(joint(x, y), UNIT, variance=variance)
    expected = naive(x, y, variance)
    assert found.scores.value == pytest.approx(expected.mean(), abs=1e-10)
    plane = similarity_map(found.similarity, independent(*size), *size)
    np.testing.assert_allclose(np.fft.ifftshift(plane), expected, atol=1e-10)


@pytest.mark.parametrize("size", [(3, 4), (4, 4), (1, 5)])
def test_it_is_the_flattened_cca_where_images_come_at_every_shift(size: tuple[int, int]) -> None:
    height, width = size
    generator = np.random.default_rng(0)
    x = generator.normal(1, 1, size=(12, 3, *size))
    y = np.roll(x[:, :2], 1, axis=3) + generator.normal(size=(12, 2, *size))
    shifts = [(down, right) for down in range(height) for right in range(width)]
    x, y = (np.concatenate([np.roll(maps, shift, axis=(2, 3)) for shift in shifts]) for maps in (x, y))
    flattened, kept_x, kept_y = mean_correlation(x.reshape(len(x), -1), y.reshape(len(y), -1))
    assert (kept_x, kept_y) == (3 * height * width, 2 * height * width)
    assert fourier_cca(joint(x, y), UNIT, variance=1.0).scores.value == pytest.approx(flattened, abs=1e-10)


def test_a_permuted_pair_falls_to_what_chance_gives() -> None:
    x, _ = layers(0, images=240)
    other, _ = layers(1, images=240)
    noise = fourier_cca(joint(x, other), UNIT).scores.value
    assert fourier_cca(joint(x, x), UNIT).scores.value == pytest.approx(1, abs=1e-10)
    assert fourier_cca(joint(x, x, permuted=True), UNIT).scores.value == pytest.approx(noise, abs=0.02)


def test_a_map_and_its_finer_copy_are_the_same_where_they_meet() -> None:
    x, _ = layers(0, size=(8, 6))
    low = common((8, 6), (16, 13))
    plane = np.zeros((60, 5, 16, 13), complex)
    plane[:, :, low.rows, low.columns] = spectra(x, low).transpose(1, 2, 0)
    plane[:, :, -low.rows, -low.columns] = spectra(x, low).transpose(1, 2, 0).conj()
    finer = np.fft.ifft2(plane, norm="forward")
    np.testing.assert_allclose(finer.imag, 0, atol=1e-15)
    found = fourier_cca(joint(x, finer.real.copy(), low), UNIT, variance=1.0)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-10)


def test_the_mean_alone_is_cca_of_pooled_maps() -> None:
    x, y = layers(0)
    found = fourier_cca(joint(x, y, common((4, 6), (4, 6), 1)), UNIT, variance=1.0)
    pooled = mean_correlation(x.mean((2, 3)), y.mean((2, 3)))
    assert (found.scores.value, found.kept_x[0], found.kept_y[0]) == (pytest.approx(pooled[0], abs=1e-10), *pooled[1:])


def test_cropping_keeps_the_low_frequencies() -> None:
    x, y = layers(0, size=(7, 6))
    few = common((7, 6), (7, 6), 4)
    whole, cropped = (fourier_cca(joint(x, y, part), UNIT) for part in (independent(7, 6), few))
    np.testing.assert_allclose(cropped.similarity, whole.similarity[few.index_in(independent(7, 6))], atol=1e-12)
    plane = similarity_map(cropped.similarity, few, 7, 6)
    assert np.isnan(plane).sum() == 42 - 9
    np.testing.assert_array_equal(plane[2:5, 2:5], plane[2:5, 2:5][::-1, ::-1])
    assert plane[3, 3] == cropped.similarity[0]


def test_unit_weights_give_the_value_and_draws_keep_the_directions() -> None:
    x, y = layers(0)
    found = joint(x, y)
    weights = np.array([[1.0, 1, 1, 1], [3, 3, 3, 3], [2, 0, 1, 1]])
    scores = fourier_cca(found, weights).scores
    np.testing.assert_allclose(scores.draws[:2], scores.value, rtol=1e-12)
    assert scores.draws[2] == pytest.approx(kept_directions(found, weights[2]), abs=1e-12)
    assert fourier_cca(found, weights[:0]).scores.draws.shape == (0,)


def kept_directions(found: SpectralJoint, weights: np.ndarray) -> float:
    """The directions of all images, correlated over the weighted images."""
    similarity, whole = [], found.covariances()
    drawn = [part.weighted(weights).covariance() for part in (found.x, found.y, found.xy)]
    for at in range(len(found.frequencies.rows)):
        directions = canonical(whole.x[at], whole.y[at], whole.xy[at], 60, variance=0.99)
        a, b = directions.x, directions.y
        xx, yy, xy = (
            np.diagonal(left.conj().T @ covariance[at] @ right).real
            for left, covariance, right in zip((a, b, a), drawn, (a, b, b), strict=True)
        )
        similarity.append(np.mean(xy / np.sqrt(xx * yy)))
    return float(np.average(similarity, weights=found.frequencies.weights))


def test_dead_channels_and_dead_frequencies_are_left_out() -> None:
    x, y = layers(0)
    alive = fourier_cca(joint(x, y), UNIT)
    with_dead = fourier_cca(joint(np.concatenate([x, np.full_like(x[:, :2], 0.3)], axis=1), y), UNIT)
    assert with_dead.scores.value == pytest.approx(alive.scores.value, abs=1e-10)
    flat = np.broadcast_to(x.mean((2, 3), keepdims=True), x.shape)
    found = fourier_cca(joint(flat, y), UNIT)
    assert np.isnan(found.similarity[1:]).all()
    assert found.kept_x[1:].max() == 0
    assert found.scores.value == found.similarity[0]


@pytest.mark.parametrize("images", [0, 7])
def test_too_few_images_are_nan_everywhere(images: int) -> None:
    x, y = layers(0)
    found = fourier_cca(joint(x[:images], y[:images]), UNIT, variance=1.0)
    assert np.isnan(found.scores.value)
    assert np.isnan(found.scores.draws).all()
    assert np.isnan(found.similarity).all()
    assert found.kept_x.max() == (5 if images else 0)


def test_every_array_library_agrees(xp: ModuleType) -> None:
    x, y = layers(0)
    expected = fourier_cca(joint(x, y), UNIT).similarity
    single = (xp.asarray(maps.astype(np.float32)) for maps in (x, y))
    # float32 maps: 6e-8 of every coefficient.
    np.testing.assert_allclose(fourier_cca(joint(*single), UNIT).similarity, expected, atol=1e-6)
