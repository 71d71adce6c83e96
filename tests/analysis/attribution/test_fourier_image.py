"""The spectrum of an image: there and back, amplitudes, colors, shifts."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.attribution.fourier_image import COLORS, Fourier


def center(colors: int = 3, height: int = 9, width: int = 12) -> Tensor:
    return torch.full((colors, height, width), 0.5, dtype=torch.float64)


def pixels_like(picture: Tensor, images: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.05 + 0.9 * torch.rand(images, *picture.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("decorrelated", [True, False])
@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(("colors", "height", "width"), [(3, 9, 12), (3, 8, 7), (1, 28, 28), (3, 1, 5)])
def test_pixels_to_spectrum_and_back(decorrelated: bool, power: float, colors: int, height: int, width: int) -> None:
    prior, middle = Fourier(decorrelated=decorrelated, power=power), center(colors, height, width)
    pixels = pixels_like(middle)
    spectrum = prior.parameters(pixels, middle)
    assert spectrum.shape == (2, colors, height, width // 2 + 1, 2)
    torch.testing.assert_close(prior.pixels(spectrum, middle), pixels, rtol=0, atol=1e-12)


def test_the_image_is_that_of_the_authors_parametrization() -> None:
    prior, middle = Fourier(), center(3, 8, 10)
    drawn = np.random.default_rng(0).normal(size=(1, 3, 8, 6, 2))
    frequency = np.sqrt(np.fft.fftfreq(8)[:, None] ** 2 + np.fft.fftfreq(10)[:6] ** 2)
    scaled = (drawn[..., 0] + 1j * drawn[..., 1]) / np.maximum(frequency, 1 / 10) * np.sqrt(80)
    mixed = np.fft.irfft2(scaled, s=(8, 10)) / 4
    root = COLORS.numpy() / np.linalg.norm(COLORS.numpy(), axis=0).max()
    colored = (mixed.transpose(0, 2, 3, 1) @ root.T).transpose(0, 3, 1, 2)
    ours = prior.pixels(torch.from_numpy(drawn), middle)
    np.testing.assert_allclose(ours, 1 / (1 + np.exp(-colored)), rtol=1e-6)  # the colors are float32


def test_a_coefficient_counts_by_the_inverse_of_its_frequency() -> None:
    """The same coefficient at half the frequency moves every pixel twice as far, before the sigmoid."""
    prior, middle = Fourier(decorrelated=False), center(1, 16, 16)
    sizes = []
    for frequency in (1, 2, 4):
        spectrum = torch.zeros(1, 1, 16, 9, 2, dtype=torch.float64)
        spectrum[0, 0, 0, frequency, 0] = 1.0
        sizes.append(float(prior.pixels(spectrum, middle).logit().square().mean().sqrt()))
    assert sizes[0] == pytest.approx(2 * sizes[1]) == pytest.approx(4 * sizes[2])


def test_a_shift_leaves_amplitudes_and_has_no_seam() -> None:
    prior, middle = Fourier(), center()
    pixels = pixels_like(middle)
    amplitudes = [prior.parameters(image, middle).norm(dim=-1) for image in (pixels, pixels.roll((3, 5), (2, 3)))]
    torch.testing.assert_close(*amplitudes)


def test_every_start_is_near_the_center_and_smooth() -> None:
    prior, middle = Fourier(), torch.full((3, 32, 32), 0.3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    start = prior.start(middle, lambda shape: torch.randn(5, *shape, generator=generator, dtype=torch.float64))
    assert start.shape == (5, 3, 32, 32)
    assert (start - 0.3).abs().max() < 0.1
    neighbors = torch.corrcoef(torch.stack([start[..., 1:].flatten(), start[..., :-1].flatten()]))[0, 1]
    assert neighbors > 0.3


def test_black_and_white_come_back_finite() -> None:
    prior, middle = Fourier(), center()
    ends = torch.stack([torch.zeros_like(middle), torch.ones_like(middle)])
    back = prior.pixels(prior.parameters(ends, middle), middle)
    torch.testing.assert_close(back, ends, rtol=0, atol=1.01e-3)
