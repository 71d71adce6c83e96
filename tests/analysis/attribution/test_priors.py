"""One step of each prior against its formula, written out in NumPy as its authors have it."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from analysis.attribution.priors import TABLE_1, NoPrior, Yosinski, blur_matrix
from tests.analysis.attribution.nets import pictures

CENTER = torch.full((3, 12, 12), 0.4, dtype=torch.float64)


@pytest.mark.parametrize("deviation", [0.5, 1.0, 2.3])
def test_blur_is_scipys_down_to_images_smaller_than_the_kernel(deviation: float) -> None:
    picture = np.random.default_rng(0).normal(size=(7, 20))
    down, across = (blur_matrix(size, deviation).numpy() for size in picture.shape)
    np.testing.assert_allclose(down @ picture @ across.T, gaussian_filter(picture, deviation), atol=1e-14)


def test_no_blur_is_the_identity() -> None:
    assert torch.equal(blur_matrix(5, 0.0), torch.eye(5, dtype=torch.float64))


def toolbox_step(x: np.ndarray, gradient: np.ndarray, number: int, center: float, p: Yosinski) -> np.ndarray:
    """The update of the authors' toolbox: x is one image less the mean, in 0-255, the gradient is in x."""
    rate = p.rate if p.progress is None else min(p.rate, p.progress / np.linalg.norm(gradient) ** 2)
    x = (x + rate * gradient) * (1 - p.decay)
    if number % p.blur_every == 0 and p.blur > 0:
        x = np.stack([gaussian_filter(color, p.blur) for color in x])
    if p.small_norm > 0:
        norms = np.linalg.norm(x, axis=0)
        x = x * (norms >= np.percentile(norms, p.small_norm))
    if p.small_contribution > 0:
        benefit = np.abs((gradient * -x).sum(0))
        x = x * (benefit >= np.percentile(benefit, p.small_contribution))
    return np.clip(x + 255 * center, 0, 255) - 255 * center


@pytest.mark.parametrize("number", [0, 3, 4])
@pytest.mark.parametrize("prior", [*TABLE_1, Yosinski(decay=0.1, small_norm=37.3, small_contribution=12.9)])
def test_a_step_is_that_of_the_authors_toolbox(prior: Yosinski, number: int) -> None:
    parameters, gradient = 0.2 * pictures(), 20 * pictures(seed=6)
    theirs = [
        toolbox_step(255 * x, g / 255, number, 0.4, prior) / 255
        for x, g in zip(parameters.numpy().copy(), gradient.numpy(), strict=True)
    ]
    prior.climb(parameters, CENTER)(gradient, number)
    np.testing.assert_allclose(parameters, np.stack(theirs), atol=1e-12)


def test_the_preset_of_most_images_is_the_default() -> None:
    preset: dict[str, Any] = {"steps": 1000, "rate": 100.0, "decay": 1e-4, "blur": 1.0, "blur_every": 4}
    assert Yosinski(**preset) == Yosinski() == TABLE_1[2]


def test_without_a_prior_steps_have_one_length_whatever_the_gradients() -> None:
    parameters = torch.zeros(3, 3, 12, 12, dtype=torch.float64)
    gradient = pictures() * torch.tensor([1e-30, 1.0, 1e30]).reshape(3, 1, 1, 1)
    NoPrior(rate=2.0).climb(parameters, CENTER)(gradient, 0)
    length = parameters.square().mean((1, 2, 3)).sqrt()
    torch.testing.assert_close(255 * length, torch.full((3,), 2.0, dtype=torch.float64))


def test_no_gradient_is_no_step_and_no_nan() -> None:
    still = torch.zeros(1, 3, 12, 12, dtype=torch.float64)
    for prior in (NoPrior(), NoPrior(norm=1.0), Yosinski(), TABLE_1[0]):
        parameters = still.clone()
        prior.climb(parameters, CENTER)(still, 0)
        assert torch.equal(parameters, still)


def test_a_norm_shortens_what_is_longer_and_nothing_else() -> None:
    def moved(norm: float) -> Tensor:
        parameters = 0.01 * pictures()
        NoPrior(norm=norm).climb(parameters, CENTER)(torch.zeros_like(parameters), 0)
        return parameters

    lengths = (0.01 * pictures()).flatten(1).norm(dim=1)
    between = float(lengths.median())
    torch.testing.assert_close(moved(between).flatten(1).norm(dim=1), lengths.clamp(max=between))
    torch.testing.assert_close(moved(100.0), 0.01 * pictures(), rtol=0, atol=1e-15)


def test_every_start_is_faint_noise_around_the_center() -> None:
    pixels = Yosinski().start(CENTER, lambda shape: torch.randn(4, *shape, generator=torch.Generator().manual_seed(0)))
    assert pixels.shape == (4, 3, 12, 12)
    assert abs(float(pixels.mean()) - 0.4) < 0.005
    assert abs(255 * float(pixels.std()) - 10) < 0.5
