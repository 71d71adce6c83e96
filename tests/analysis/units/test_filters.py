"""Filters as pictures: zero is mid-gray, one scale for all, the weights can be read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.units.filters import filter_images, filter_scale

SHAPES = st.sampled_from([(4, 1, 3, 3), (2, 3, 5, 7), (1, 3, 1, 1)])
WEIGHTS = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(-3.0, 3.0, width=32)))


@given(WEIGHTS)
def test_the_weights_can_be_read_back(weight: np.ndarray) -> None:
    read = (filter_images(weight) - 0.5) * 2.0 * filter_scale(weight)
    np.testing.assert_allclose(read.transpose(0, 3, 1, 2), weight, atol=1e-14)


@given(WEIGHTS)
def test_the_opposite_filter_is_the_negative_picture(weight: np.ndarray) -> None:
    np.testing.assert_allclose(filter_images(-weight), 1.0 - filter_images(weight), atol=1e-15)


@given(WEIGHTS, st.floats(0.1, 10.0))
def test_pictures_do_not_depend_on_the_unit_of_the_weights(weight: np.ndarray, unit: float) -> None:
    np.testing.assert_allclose(filter_images(unit * weight), filter_images(weight), atol=1e-12)


def test_all_filters_share_one_scale() -> None:
    weight = np.zeros((3, 1, 2, 2))
    weight[0] = 2.0
    weight[1] = -1.0
    pictures = filter_images(weight)
    assert [float(picture.mean()) for picture in pictures] == [1.0, 0.25, 0.5]


def test_two_networks_can_share_a_scale() -> None:
    strong, weak = np.full((1, 1, 1, 1), 4.0), np.full((2, 1, 3, 3), -1.0)
    scale = filter_scale(strong, weak)
    assert scale == 4.0
    assert filter_images(weak, scale).max() == filter_images(weak, scale).min() == 0.375


@pytest.mark.parametrize("channels", [2, 4, 64])
def test_other_than_one_or_three_channels_become_their_mean(channels: int) -> None:
    weight = np.random.default_rng(0).normal(size=(5, channels, 3, 3))
    mean = weight.mean(axis=1, keepdims=True)
    assert filter_images(weight).shape == (5, 3, 3, 1)
    np.testing.assert_array_equal(filter_images(weight), filter_images(mean))


def test_half_precision_and_all_zero_filters() -> None:
    np.testing.assert_array_equal(filter_images(np.zeros((2, 3, 3, 3), dtype=np.float16)), 0.5)


@pytest.mark.parametrize(
    ("weight", "scale", "message"),
    [
        (np.zeros((3, 3)), None, r"shape \(3, 3\)"),
        (np.full((1, 1, 2, 2), np.nan), None, "NaN or infinity"),
        (np.zeros((1, 1, 2, 2)), 0.0, "must be positive"),
        (np.zeros((1, 1, 2, 2)), np.inf, "must be positive"),
    ],
)
def test_what_cannot_be_drawn_is_refused(weight: np.ndarray, scale: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        filter_images(weight, scale)
