"""A vision transformer for small images (Dosovitskiy et al., 2021, arXiv:2010.11929): torchvision's, built small."""

from pydantic import PositiveInt
from torch import nn

from jobs.errors import UserError
from jobs.nets.fit import resize_fix

PATCHES = 8
"""Patches each way, at most, where the study does not say how large they are."""


def vit(
    in_shape: tuple[int, int, int],
    classes: int,
    *,
    patch: PositiveInt | None = None,
    depth: PositiveInt = 2,
    heads: PositiveInt = 4,
    width: PositiveInt = 32,
) -> nn.Module:
    """`depth` blocks of `heads` heads over square patches of `patch` pixels and a class token, `width` units a token.

    patch: by default the smallest that leaves at most 8 x 8 patches; of digits of 8 x 8 every pixel is one.
    """
    from torchvision.models import VisionTransformer  # type: ignore[import-untyped]  # takes a second to import

    channels, height, length = in_shape
    sizes = [size for size in range(1, height + 1) if height % size == 0 and height // size <= PATCHES]
    patch = patch or sizes[0]
    if height != length or height % patch:
        side = -(-height // patch) * patch
        raise UserError(
            f"arch: vit takes square images that patches of {patch} pixels fill, these are {height}x{length}. "
            f"Add {resize_fix(in_shape, (channels, side, side))} to images.preprocess, or set options.patch."
        )
    if width % heads:
        raise UserError(f"options.heads: {heads} heads do not divide a width of {width}; set one to fit the other.")
    net = VisionTransformer(height, patch, depth, heads, width, 2 * width, num_classes=classes)
    if channels != 3:
        net.conv_proj = nn.Conv2d(channels, width, patch, patch)
    return net
