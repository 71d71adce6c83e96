"""An image as its Fourier spectrum, so that a gradient moves all frequencies, not mostly the high ones.

Olah et al., 2017, Feature visualization, Distill, doi:10.23915/distill.00007: coefficients are divided by frequency,
as amplitudes of photographs fall, colors are decorrelated, a sigmoid holds pixels between black and white, Adam climbs
and the image is shifted at random before each step.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.pixel_range import Pixels
from analysis.attribution.priors import Climb, Draw, Picture

COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""A square root of the covariance of ImageNet's colors, red, green, blue from three uncorrelated (authors' code)."""

GAIN = 0.25
"""Of the authors' code: it sets how far a step of Adam moves a pixel."""

MARGIN = 1e-3
"""Black and white lie at infinity behind a sigmoid: pixels are taken back no closer to them than this."""

Spectrum = Float[Tensor, "images colors height half 2"]
"""Real and imaginary parts, of the frequencies that a real image has on its own."""


@dataclass(frozen=True)
class Fourier:
    """Gradient ascent on the spectrum. An image is periodic: shifted pixels come back on the other side, no seam."""

    steps: int = 512
    rate: float = 0.05
    """Adam's."""
    decorrelated: bool = True
    """Three colors only; images of other numbers of colors are taken as they are."""
    power: float = 1.0
    """Coefficients are divided by frequency to this power; 0 for none."""
    jitter: int = 8
    noise: float = 0.01
    """Standard deviation of the coefficients at the start, around those of the center picture."""

    def start(self, center: Picture, draw: Draw) -> Pixels:
        """Noise whose amplitude falls with frequency, around the center picture."""
        spectrum = self.parameters(center[None], center)
        return self.pixels(spectrum + self.noise * draw(tuple(spectrum.shape[1:])), center)

    def parameters(self, pixels: Pixels, center: Picture) -> Spectrum:
        """The spectrum of an image; `pixels` undone."""
        raw = torch.logit(pixels, MARGIN) / GAIN
        mixed = torch.einsum("ij,njhw->nihw", self._colors(center).inverse(), raw)
        spectrum = torch.fft.rfft2(mixed, norm="ortho") / self._amplitudes(center)
        return torch.view_as_real(spectrum)

    def pixels(self, parameters: Spectrum, center: Picture) -> Pixels:
        """The image of a spectrum."""
        spectrum = torch.view_as_complex(parameters) * self._amplitudes(center)
        mixed = torch.fft.irfft2(spectrum, s=(center.shape[1], center.shape[2]), norm="ortho")
        return torch.einsum("ij,njhw->nihw", self._colors(center), GAIN * mixed).sigmoid()

    def climb(self, parameters: Spectrum, center: Picture) -> Climb:
        """See `Prior`."""
        adam = torch.optim.Adam([parameters], self.rate, maximize=True)

        def step(gradient: Tensor, _number: int) -> None:
            parameters.grad = gradient
            adam.step()

        return step

    def _amplitudes(self, center: Picture) -> Float[Tensor, "height half"]:
        """1 / frequency in cycles a pixel; the mean, of frequency 0, as the lowest of the longer side."""
        height, width = center.shape[1:]
        down, across = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
        frequencies = torch.hypot(down[:, None], across).clamp_min(1 / max(height, width))
        return (frequencies**-self.power).to(center)

    def _colors(self, center: Picture) -> Float[Tensor, "colors colors"]:
        if self.decorrelated and len(center) == 3:
            return (COLORS / COLORS.norm(dim=0).max()).to(center)
        return torch.eye(len(center), dtype=center.dtype, device=center.device)
