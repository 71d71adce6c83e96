"""Terms through a layer against an explicit Jacobian; their reference under random signs; autocorrelation by loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from analysis.attribution.backprop import backward_images
from analysis.attribution.cancellation import autocorrelation, cancellation
from analysis.attribution.neuron import Neuron
from tests.analysis.attribution.nets import Call, pictures, small_net


def terms(net: nn.Sequential, cut: int, images: Tensor, channel: int) -> Tensor:
    """(dT/du) (du/dpixel) of every unit, (units, *image), from whole Jacobians of one image."""
    below = torch.autograd.functional.jacobian(net[:cut], images)  # (1, c, h, w, 1, 3, H, W)
    slope = torch.autograd.functional.jacobian(lambda maps: net[cut:](maps)[0, channel], net[:cut](images))
    return (slope[..., None, None, None, None] * below)[0].squeeze(3).flatten(0, 2)


@pytest.mark.parametrize(("layer", "cut"), [("act1", 3), ("conv2", 5)])
def test_against_explicit_jacobians(layer: str, cut: int) -> None:
    net, images = small_net(), pictures(2, 8)
    by_channel = cancellation(net, images, layer, Neuron(channel=[2, 1]))
    by_position = cancellation(net, images, layer, Neuron(channel=[2, 1]), units="positions", chunk=50)
    for image, channel in enumerate([2, 1]):
        unit = terms(net, cut, images[image : image + 1], channel)  # type: ignore[arg-type]
        channels = unit.reshape(6 if layer == "act1" else 8, -1, 3, 8, 8).sum(1)
        for found, each in ((by_channel, channels), (by_position, unit)):
            magnitude = each.abs().sum(0)
            torch.testing.assert_close(
                found.ratio[image], each.sum(0).abs() / magnitude, rtol=1e-9, atol=1e-12, equal_nan=True
            )
            chance = (2 / np.pi * each.square().sum(0)).sqrt() / magnitude
            torch.testing.assert_close(found.chance[image], chance, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_the_sum_is_the_gradient_and_finer_units_cancel_more() -> None:
    net, images, neuron = small_net(nn.GELU), pictures(), Neuron("conv2", [1, 2, 3], "argmax")
    channels = cancellation(net, images, "act1", neuron)
    positions = cancellation(net, images, "act1", neuron, units="positions", chunk=64)
    expected = backward_images(net, images, neuron, "gradient").images
    for found in (channels, positions):
        torch.testing.assert_close(found.gradient, expected, rtol=1e-9, atol=1e-14)
        inside = found.ratio[~found.ratio.isnan()]
        assert ((inside >= 0) & (inside <= 1)).all()
        assert torch.equal(found.ratio.isnan(), expected == 0)  # outside the receptive field
    assert (positions.ratio <= channels.ratio + 1e-12)[~channels.ratio.isnan()].all()


def test_chunks_do_not_change_the_result() -> None:
    net, images = small_net(), pictures()
    one, many = (cancellation(net, images, "act2", Neuron(channel=0), chunk=chunk) for chunk in (1, 8))
    torch.testing.assert_close(one.ratio, many.ratio, rtol=1e-12, atol=0, equal_nan=True)


def test_terms_of_one_sign_do_not_cancel() -> None:
    net = small_net(nn.Softplus)
    for parameter in net.parameters():
        parameter.data.abs_()
    found = cancellation(net, pictures(), "act2", Neuron(channel=0))
    torch.testing.assert_close(found.ratio, torch.ones_like(found.ratio), rtol=0, atol=1e-12)
    assert found.ratio.max() <= 1


def test_random_signs_leave_what_chance_says() -> None:
    """A linear net of 200 random channels: E|sum| over pixels is the reference's, to 1 / sqrt(pixels)."""
    first = torch.randn(200, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    second = torch.randn(1, 200, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    means = []
    for seed in range(100):
        drawn = first[torch.randperm(200, generator=torch.Generator().manual_seed(seed))]
        net = nn.Sequential(
            Call(lambda x, w=drawn: torch.einsum("nchw,uc->nuhw", x, w)), nn.Flatten(), Call(lambda x: x @ second.T)
        )
        found = cancellation(net, torch.ones(1, 3, 1, 1, dtype=torch.float64), "0", Neuron(channel=0), chunk=200)
        means.append((found.ratio / found.chance).mean().item())
    # |z| of a normal z has mean 0.80 and deviation 0.60: 300 of them over their mean have 0.043.
    assert abs(np.mean(means) - 1) < 3 * 0.043


def test_a_dead_neuron_has_no_ratio() -> None:
    net = small_net()
    nn.init.constant_(net.get_parameter("conv2.bias"), -1e3)
    found = cancellation(net, pictures(), "conv1", Neuron("act2", 0, (0, 0)))
    assert found.ratio.isnan().all()
    assert found.chance.isnan().all()
    assert not found.gradient.any()


def test_a_layer_beyond_the_neuron_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^No gradient goes from layer conv1 to layer conv2"):
        cancellation(small_net(), pictures(), "conv2", Neuron("conv1", 0, (0, 0)))


def ring_means(image: np.ndarray) -> np.ndarray:
    """By four loops: mean product of pairs at rounded distance, over the variance."""
    height, width = image.shape
    centered = image - image.mean()
    lags = min(height, width) // 2 + 1
    sums, counts = np.zeros(lags), np.zeros(lags)
    for y in range(height):
        for x in range(width):
            for v in range(height):
                for u in range(width):
                    lag = int(np.rint(np.hypot(v - y, u - x)))
                    if lag < lags:
                        sums[lag] += centered[y, x] * centered[v, u]
                        counts[lag] += 1
    return sums / counts / centered.var()


@pytest.mark.parametrize("shape", [(6, 9), (7, 5), (1, 4), (1, 1)])
def test_autocorrelation_by_loops(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape)
    if image.size > 1:
        np.testing.assert_allclose(autocorrelation(image).values, ring_means(image), atol=1e-13)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_sign_mean_and_orientation_do_not_matter(seed: int, scale: float, mean: float) -> None:
    image = np.random.default_rng(seed).normal(size=(8, 11))
    values = autocorrelation(image).values
    assert values[0] == pytest.approx(1, abs=1e-12)
    for other in (mean - scale * image, image.T, image[::-1], image[:, ::-1]):
        np.testing.assert_allclose(autocorrelation(np.ascontiguousarray(other)).values, values, atol=1e-11)


def test_white_noise_has_the_error_that_is_stated() -> None:
    generator = np.random.default_rng(2)
    draws = np.stack([autocorrelation(generator.normal(size=(32, 40))).values for _ in range(400)])
    error = autocorrelation(generator.normal(size=(32, 40))).error
    # A deviation from 400 draws is off by 3.5 %; subtracting the mean moves every lag by -1 / pixels.
    np.testing.assert_allclose(draws[:, 1:].std(0), error[1:], rtol=0.13)
    np.testing.assert_allclose(draws[:, 1:].mean(0), -1 / 1280, atol=4 * error[1:].max() / 20)
    assert error[0] == 0
    assert error.max() < 1 / np.sqrt(1280)


def test_a_smooth_map_correlates_with_itself_moved() -> None:
    noise = np.random.default_rng(3).normal(size=(40, 40))
    blurred = np.lib.stride_tricks.sliding_window_view(noise, (4, 4)).mean((2, 3))
    values, error = autocorrelation(blurred)
    # A box of side 4 moved by 1 shares 3/4 of its pixels; rings also hold diagonals. From 6 on nothing is shared.
    assert 0.5 < values[1] < 0.75
    assert (np.abs(values[6:]) < 0.15).all()
    assert values[1] > 10 * error[1]


def test_what_has_no_autocorrelation() -> None:
    for constant in (np.full((5, 6), 0.1), np.full((5, 6), 0.1, np.float32), np.zeros((4, 4))):
        assert np.isnan(autocorrelation(constant).values).all()
    with pytest.raises(ValueError, match=r"^The map holds NaN or infinity"):
        autocorrelation(np.array([[0.0, np.nan]]))
