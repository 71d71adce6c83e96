"""Random transforms of training images: geometry and erasing, drawn anew for each image from the caller's generator.

They act on preprocessed batches. Transforms of color are left out: torchvision clamps them to 0..1, which a normalized
image exceeds.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from jobs.errors import UserError
from jobs.images.declared import transform
from jobs.images.options import Declared
from jobs.images.paths import one_line

ALLOWED = (
    "GaussianBlur",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomPerspective",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
)
COLOR = "changes colors within 0..1, but training images are normalized. Take a geometric transform or RandomErasing."
REFUSED = dict.fromkeys(
    (
        "AugMix",
        "AutoAugment",
        "ColorJitter",
        "GaussianNoise",
        "RandAugment",
        "RandomAdjustSharpness",
        "RandomAutocontrast",
        "RandomEqualize",
        "RandomGrayscale",
        "RandomInvert",
        "RandomPhotometricDistort",
        "RandomPosterize",
        "RandomSolarize",
        "TrivialAugmentWide",
    ),
    COLOR,
)


class Augment:
    """Callable `(batch, generator) -> batch`, float32 (N, C, H, W); the same generator state gives the same batch."""

    def __init__(self, steps: list[tuple[str, Callable[..., Any]]], option: str) -> None:
        self.steps = steps
        self._option = option

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """A new batch; torch's global generators are left as they were. UserError where a step changes the shape."""
        seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
        with torch.random.fork_rng(devices=[batch.device] if batch.is_cuda else []):
            torch.random.default_generator.manual_seed(seed)
            if batch.is_cuda:
                torch.cuda.manual_seed(seed)
            return torch.stack([self._augmented(image) for image in batch]) if len(batch) else batch

    def _augmented(self, image: Tensor) -> Tensor:
        value = image
        for name, step in self.steps:
            try:
                value = step(value)
            except (RuntimeError, TypeError, ValueError) as error:
                raise UserError(
                    f"{self._option}: {name} fails on images of {tuple(image.shape)} ({one_line(error)}). "
                    f"Change {name}."
                ) from error
        if value.shape != image.shape:
            raise UserError(
                f"{self._option}: images of {tuple(image.shape)} become {tuple(value.shape)}; expected the same shape. "
                f"Set the size of {', '.join(name for name, _ in self.steps)} to {tuple(image.shape[1:])}."
            )
        return value


def build_augment(
    declared: Declared | None, allow_code: tuple[str, ...] = (), option: str = "train.augment"
) -> Augment | None:
    """The declared random transforms, None where there are none. Raises UserError as `build_preprocess`."""
    if not declared:
        return None
    steps = [
        transform(f"{option}[{number}]", item, ALLOWED, REFUSED, allow_code) for number, item in enumerate(declared)
    ]
    return Augment(steps, option)
