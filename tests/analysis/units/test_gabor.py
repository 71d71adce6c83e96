"""Gabor fits: planted ones are recovered under noise, turned filters turn, noise is no Gabor, derivatives are right."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime

from analysis.units.gabor import THRESHOLD, Gabors, _gabor, _places, chance_r2, gabor_fits, gabor_share, gray_filters

COLOR = np.array([0.6, 0.5, -0.4])


def planted(count: int = 8, side: int = 11, seed: int = 0) -> Gabors:
    """Gabors with at least a cycle under their envelope, whose orientation and frequency can be told."""
    generator = np.random.default_rng(seed)
    width = generator.uniform(0.18, 0.28, count) * side
    return Gabors(
        orientation=generator.uniform(0, 180, count),
        frequency=generator.uniform(0.5, 0.9, count) / width,
        phase=generator.uniform(0, 360, count),
        width=width,
        length=generator.uniform(0.18, 0.28, count) * side,
        column=side / 2 - 0.5 + generator.uniform(-1, 1, count),
        row=side / 2 - 0.5 + generator.uniform(-1, 1, count),
        amplitude=generator.uniform(0.01, 2, count),
        r2=np.ones(count),
    )


def colored(images: np.ndarray) -> np.ndarray:
    return images[:, None] * COLOR[:, None, None]


def turn(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Distance on a circle."""
    return np.abs((x - y + period / 2) % period - period / 2)


def test_planted_gabors_are_recovered() -> None:
    expected = planted()
    found = gabor_fits(colored(expected.images(11, 11)))
    # The projection on a color direction of length |COLOR|, whose largest component is positive.
    for field in fields(Gabors):
        x, y = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("orientation", "phase"):
            assert turn(x, y, 180 if field.name == "orientation" else 360).max() < 1e-3
        else:
            scale = np.linalg.norm(COLOR) if field.name == "amplitude" else 1
            np.testing.assert_allclose(x, y * scale, rtol=1e-5, err_msg=field.name)


def test_noise_moves_them_little() -> None:
    expected, generator = planted(), np.random.default_rng(1)
    images = expected.images(11, 11)
    # Noise of a fifth of each filter's size: the best fit explains 1 / 1.04 of the variance.
    noise = 0.2 * np.sqrt(np.square(images).mean((1, 2), keepdims=True)) * generator.normal(size=images.shape)
    found = gabor_fits((images + noise)[:, None])
    assert turn(found.orientation, expected.orientation, 180).max() < 2
    np.testing.assert_allclose(found.frequency, expected.frequency, rtol=0.05)
    assert found.r2.min() > 0.93
    assert gabor_share(found.r2) == 1


def test_the_fit_is_what_r2_says() -> None:
    generator = np.random.default_rng(2)
    weight = planted(4, 7).images(7, 7)[:, None] + 0.3 * generator.normal(size=(4, 1, 7, 7))
    found, gray = gabor_fits(weight), gray_filters(weight)
    residual = np.square(gray - found.images(7, 7)).sum((1, 2))
    np.testing.assert_allclose(found.r2, 1 - residual / (gray.var((1, 2)) * 49), rtol=1e-10)


def test_a_turned_filter_has_turned_bars() -> None:
    weight = planted(4).images(11, 11)[:, None]
    upright, turned = gabor_fits(weight), gabor_fits(np.rot90(weight, axes=(2, 3)))
    assert turn(turned.orientation, upright.orientation + 90, 180).max() < 1e-3
    np.testing.assert_allclose(turned.frequency, upright.frequency, rtol=1e-5)


@pytest.mark.parametrize(("phase", "bar"), [(0.0, [False, True, False]), (90.0, [True, False, False])])
def test_phase_says_where_the_bar_is(phase: float, bar: list[bool]) -> None:
    vertical = Gabors(*(np.array([x]) for x in (90.0, 0.15, phase, 2.5, 2.5, 5.0, 5.0, 1.0, 1.0)))
    image = vertical.images(11, 11)[0]
    # An edge (90) is bright a quarter of a wave before the center.
    assert (image[5, [3, 5, 7]] > 0.5).tolist() == bar
    # Vertical bars: every row is the same but for the envelope.
    np.testing.assert_allclose(image / np.exp(-((np.arange(11) - 5) ** 2) / 12.5)[:, None], [image[5]] * 11, atol=1e-12)


def test_the_unit_of_the_weights_does_not_matter() -> None:
    weight = np.random.default_rng(3).normal(size=(2, 3, 7, 7))
    large, small = gabor_fits(weight), gabor_fits(weight * 2.0**-30)
    np.testing.assert_allclose(small.r2, large.r2, rtol=1e-9)
    np.testing.assert_allclose(small.amplitude * 2.0**30, large.amplitude, rtol=1e-6)


@pytest.mark.parametrize(("side", "chance"), [(5, 0.75), (7, 0.5), (11, 0.25)])
def test_noise_is_no_gabor(side: int, chance: float) -> None:
    r2 = chance_r2(side, side, filters=6)
    assert r2.max() < chance < THRESHOLD
    assert gabor_share(r2) == 0


def test_smooth_noise_is_closer_to_one() -> None:
    assert np.median(chance_r2(7, 7, filters=6, blur=1.0)) > np.median(chance_r2(7, 7, filters=6)) + 0.2


def test_what_cannot_be_fit_is_nan() -> None:
    weight = np.zeros((2, 3, 7, 7))
    weight[1] = 0.1
    found = gabor_fits(weight)
    small = gabor_fits(np.random.default_rng(0).normal(size=(2, 3, 3, 3)))
    for field in fields(Gabors):
        assert np.isnan(getattr(found, field.name)).all()
        assert np.isnan(getattr(small, field.name)).all()
    assert np.isnan(gabor_share(small.r2))
    assert gabor_share(np.array([np.nan, 0.9, 0.1])) == 0.5
    assert gabor_fits(np.zeros((0, 3, 7, 7))).r2.shape == (0,)


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        gabor_fits(np.full((1, 1, 5, 5), np.nan))


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, 8, elements=st.floats(-1, 1)))
def test_derivatives_are_those_of_the_values(p: np.ndarray) -> None:
    places = _places(5, 6)
    numeric = approx_fprime(p, lambda q: _gabor(q, *places)[0], 1e-7)
    np.testing.assert_allclose(_gabor(p, *places)[1], numeric, atol=1e-4)


def test_gray_is_the_planted_pattern_whatever_the_color() -> None:
    pattern = np.random.default_rng(0).normal(size=(3, 5, 5))
    np.testing.assert_allclose(gray_filters(colored(pattern)), pattern * np.linalg.norm(COLOR), atol=1e-12)
    np.testing.assert_allclose(gray_filters(pattern[:, None]), pattern, atol=1e-15)
