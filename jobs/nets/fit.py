"""Do these images fit this net? If not, the error says which transform makes them fit."""

import torch
from torch import nn

from analysis.dynamics.seeding import seeded
from jobs.errors import UserError

Shape = tuple[int, int, int]


def require_size(arch: str, in_shape: Shape, least: int) -> None:
    """Refuse images that are lower or narrower than `least` pixels."""
    channels, height, width = in_shape
    if min(height, width) < least:
        wanted = (channels, max(height, least), max(width, least))
        raise UserError(
            f"arch: {arch} takes images of at least {least}x{least}, these are {height}x{width}. "
            f"Add {resize_fix(in_shape, wanted)} to images.preprocess."
        )


def resize_fix(have: Shape, want: Shape) -> str:
    """The transforms, as written in a study, that take images from one shape (C, H, W) to the other."""
    _, height, width = want
    gray = "`- Grayscale` and " if want[0] == 1 and have[0] != 1 else ""
    fix = f"{gray}`- Resize: {{size: [{height}, {width}]}}`"
    tall, wide = height - have[1], width - have[2]
    if min(tall, wide) >= 0 and tall % 2 == wide % 2 == 0 and max(tall, wide) > 0:
        border = str(tall // 2) if tall == wide else f"[{wide // 2}, {tall // 2}]"
        fix += f" (or `- Pad: {{padding: {border}}}`)"
    return fix


def require_fit(arch: str, net: nn.Module, in_shape: Shape) -> None:
    """Pass one black image through `net`, in the mode it is in, and say in one line why it does not go through."""
    channels, height, width = in_shape
    try:
        with torch.no_grad(), seeded("cpu", 0):
            net(torch.zeros(1, *in_shape))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"arch: {arch} does not take {height}x{width}x{channels} images ({reason}). "
            "Add `- Resize: {size: ...}` to images.preprocess, or set images.mode to RGB or L."
        ) from error
