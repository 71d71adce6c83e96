"""The small net of the default study: conv-conv-pool-conv-fc with batch norm, for 8 x 8 digits as for photographs."""

from collections import OrderedDict

from pydantic import PositiveInt
from torch import nn

from jobs.nets.fit import require_size


def convnet(in_shape: tuple[int, int, int], classes: int, *, width: PositiveInt = 32) -> nn.Module:
    """Convolutions of width, width and 2 width channels, a hidden layer of 2 width units.

    Before the hidden layer, maps are averaged down to about 4 x 4: the parameters do not grow with the image.
    """
    channels, height, length = in_shape
    require_size("convnet", in_shape, 2)
    kernel = max(height // 8, 1), max(length // 8, 1)
    cells = (height // 2 // kernel[0]) * (length // 2 // kernel[1])
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, width, 3, padding=1),
            bn1=nn.BatchNorm2d(width),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(width, width, 3, padding=1),
            bn2=nn.BatchNorm2d(width),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            conv3=nn.Conv2d(width, 2 * width, 3, padding=1),
            bn3=nn.BatchNorm2d(2 * width),
            relu3=nn.ReLU(),
            shrink=nn.AvgPool2d(kernel),
            flatten=nn.Flatten(),
            fc1=nn.Linear(2 * width * cells, 2 * width),
            relu4=nn.ReLU(),
            fc2=nn.Linear(2 * width, classes),
        )
    )
