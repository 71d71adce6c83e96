"""Filters as pictures: zero is mid-gray, one scale for all, the weights can be read back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.units.filters import exciting_patch, filter_images, filter_scale, input_images, kernel_tiles

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


@given(WEIGHTS)
def test_kernels_can_be_read_back_from_their_tiles(weight: np.ndarray) -> None:
    scale = np.abs(weight).max() or 1.0
    np.testing.assert_allclose((kernel_tiles(weight) - 0.5) * 2 * scale, weight, atol=1e-14)
    np.testing.assert_allclose(kernel_tiles(weight, 2 * scale), 0.25 + kernel_tiles(weight) / 2, atol=1e-15)


def test_a_layer_of_one_input_channel_has_its_pictures_as_tiles() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 1, 3, 5))
    np.testing.assert_array_equal(kernel_tiles(weight)[:, 0], filter_images(weight)[..., 0])


def test_a_fully_connected_layer_reads_whole_images() -> None:
    generator = np.random.default_rng(0)
    weight, images = generator.normal(size=(4, 30)), generator.normal(size=(7, 3, 2, 5))
    filters = input_images(weight, (3, 2, 5))
    outputs = np.einsum("uchw,ichw->iu", filters, images)
    np.testing.assert_allclose(outputs, images.reshape(7, 30) @ weight.T, atol=1e-12)
    with pytest.raises(ValueError, match=r"30 inputs does not read images of shape \(1, 5, 5\), 25 values"):
        input_images(weight, (1, 5, 5))


@given(WEIGHTS)
def test_no_patch_of_norm_one_excites_more(weight: np.ndarray) -> None:
    patch = exciting_patch(weight)
    reached = (patch * weight).sum((1, 2, 3))
    np.testing.assert_allclose(reached, np.sqrt(np.square(weight).sum((1, 2, 3))), rtol=1e-12, atol=1e-150)
    others = np.random.default_rng(0).normal(size=(500, *weight.shape[1:]))
    others /= np.sqrt(np.square(others).sum((1, 2, 3), keepdims=True))
    assert (np.einsum("pchw,fchw->pf", others, weight) <= reached + 1e-12).all()


def test_gradient_ascent_on_the_sphere_ends_at_the_exciting_patch() -> None:
    filters = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2, 4, 4)))
    patch = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 4, 4))).requires_grad_()
    for _ in range(200):
        excited = torch.einsum("fchw,fchw->f", filters, patch).sum()
        (gradient,) = torch.autograd.grad(excited, patch)
        moved = patch.detach() + 0.1 * gradient
        patch = (moved / torch.linalg.vector_norm(moved, dim=(1, 2, 3), keepdim=True)).requires_grad_()
    np.testing.assert_allclose(patch.detach().numpy(), exciting_patch(filters.numpy()), atol=1e-6)


def test_the_smallest_weights_have_a_patch_and_zeros_have_none() -> None:
    np.testing.assert_allclose(exciting_patch(np.full((1, 1, 2, 2), 1e-300)), 0.5)
    np.testing.assert_array_equal(exciting_patch(np.zeros((2, 3, 2, 2))), 0.0)
