"""A net whose input space fits on a page: two numbers in, one hidden layer, so that its decision lines can be drawn."""

from collections import OrderedDict
from math import prod

from pydantic import PositiveInt
from torch import nn

from jobs.errors import UserError


def mlp2d(in_shape: tuple[int, int, int], classes: int, *, width: PositiveInt = 20) -> nn.Module:
    """Linear(2, width)-ReLU-Linear(width, classes) for points (x, y), held as images of two values."""
    if prod(in_shape) != 2:
        raise UserError(
            f"arch: mlp2d takes points of 2 values, these images have {prod(in_shape)} ({in_shape}). "
            "Use convnet, or points: images: {source: planar}."
        )
    return nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), fc1=nn.Linear(2, width), relu1=nn.ReLU(), fc2=nn.Linear(width, classes))
    )
