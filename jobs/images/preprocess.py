"""A picture to the network's input: transforms of torchvision.transforms.v2 that the study declares.

Only transforms that give the same answer every time are allowed. Conversion to a float32 tensor in 0..1 is put in
before Normalize, or at the end: until there PIL resizes and crops, as in the weights' own presets.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.declared import transform
from jobs.images.options import Declared
from jobs.images.paths import one_line
from jobs.images.source import Mode

ALLOWED = (
    "CenterCrop",
    "Grayscale",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RGB",
    "Resize",
    "ToDtype",
    "ToImage",
    "ToPureTensor",
)
NEEDS_TENSOR = ("ToDtype", "ToPureTensor")
GIVES_TENSOR = ("PILToTensor", "ToImage")
DRAWS = "draws at random; a study's images must be the same in every pass. Take a fixed transform, or train.augment."
DRAWING = (
    "AugMix",
    "AutoAugment",
    "ColorJitter",
    "CutMix",
    "ElasticTransform",
    "GaussianBlur",
    "GaussianNoise",
    "JPEG",
)
REFUSED = {name: DRAWS for name in dir(v2) if name.startswith(("Rand", "Mix", "Scale", "Trivial")) or name in DRAWING}
REFUSED["ToTensor"] = (
    "is deprecated in torchvision; expected nothing. Leave it out: the conversion is put in by itself."
)

# Sizes that tell transforms apart: another shape shows which side Resize takes, a large one shows antialiasing.
PROBE_SIZES = ((64, 48), (37, 61), (700, 500))


class Preprocess:
    """Steps applied in order to one picture; the result is a float32 tensor (C, H, W)."""

    def __init__(self, steps: list[tuple[str, Callable[..., Any]]], option: str) -> None:
        self.steps = steps
        self._option = option

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """UserError where a step cannot take the picture, or the result is not float32 (C, H, W)."""
        value: Any = image
        for name, step in self.steps:
            try:
                value = step(value)
            except (RuntimeError, TypeError, ValueError) as error:
                other = {"L": "Set images.mode: RGB, or write", "RGB": "Set images.mode: L, or write"}
                raise UserError(
                    f"{self._option}: {name} fails on a picture of {image.width} x {image.height} in mode {image.mode} "
                    f"({one_line(error)}). {other.get(image.mode, 'Write')} transforms that suit such pictures."
                ) from error
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float32 or value.ndim != 3:
            found = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise UserError(
                f"{self._option}: {self.steps[-1][0]}, the last step, gives {found}; expected float32 (C, H, W). "
                "Leave conversions out, or end with ToDtype: {dtype: float32, scale: true}."
            )
        return value.as_subclass(torch.Tensor)


def build_preprocess(
    declared: Declared | None,
    default: Callable[[Image.Image], torch.Tensor] | None = None,
    allow_code: tuple[str, ...] = (),
    option: str = "images.preprocess",
) -> Preprocess:
    """The study's transforms; where it declares none, `default` (the weights' own), else only the conversion to 0..1.

    `allow_code` lists modules that the command line allowed; `option` names the list in errors.
    """
    if declared is None and default is not None:
        return Preprocess([("the weights' own preprocessing", default)], option)
    steps: list[tuple[str, Callable[..., Any]]] = []
    tensor = floating = False
    for number, item in enumerate(declared or []):
        name, step = transform(f"{option}[{number}]", item, ALLOWED, REFUSED, allow_code)
        if name == "Normalize" and not floating:
            steps.append(("conversion", unit_range))
            # Saves a copy: the conversion made the tensor. Code of the user's own may have kept it.
            vars(step)["inplace"] = not any(":" in earlier for earlier, _ in steps)
            tensor = floating = True
        elif name in NEEDS_TENSOR and not tensor:
            steps.append(("ToImage", v2.ToImage()))
            tensor = True
        steps.append((name, step))
        # What code of the user's own returns is unknown; the conversion leaves a float32 tensor as it is.
        tensor = name in GIVES_TENSOR or (tensor and ":" not in name)
        floating = step.dtype == torch.float32 if isinstance(step, v2.ToDtype) else floating and ":" not in name
    return Preprocess(steps if floating else [*steps, ("conversion", unit_range)], option)


def unit_range(image: Any) -> torch.Tensor:
    """A picture or a tensor as contiguous float32 (C, H, W): integers are divided by their largest value, floats kept.

    The bytes are put in order before they become floats, a quarter of the memory to move: as fast again as ToImage,
    ToDtype and contiguous in a row.
    """
    planes = v2.functional.to_image(image).as_subclass(torch.Tensor).contiguous()
    return v2.functional.to_dtype(planes, torch.float32, scale=True)


def probe_image(mode: Mode, width: int = 64, height: int = 48) -> Image.Image:
    """A fixed synthetic picture: waves, an edge and fine texture, over the whole range of values."""
    y, x = np.mgrid[:height, :width]
    planes = [(5 * x + 3 * y * (channel + 1) + ((x * y) >> 3) + 96 * (x > y)) % 256 for channel in range(3)]
    pixels = np.stack(planes, axis=-1).astype(np.uint8)
    return Image.fromarray(pixels if mode == "RGB" else pixels[..., 0]).convert(mode)


def preprocess_digest(preprocess: Callable[[Image.Image], torch.Tensor], mode: Mode) -> str:
    """sha256 of what a preprocessing makes of three probe pictures: part of the run's key.

    Three, since Resize: {size: 48} and none at all agree on a picture 48 high.
    """
    digest = hashlib.sha256()
    for width, height in PROBE_SIZES:
        output = preprocess(probe_image(mode, width, height))
        digest.update(f"{tuple(output.shape)}".encode())
        digest.update(output.contiguous().numpy().data)
    return digest.hexdigest()
