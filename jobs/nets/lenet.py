"""Three nets called LeNet in the literature: 300-100 (fully connected), 5 (Caffe's) and the one of the tutorials.

lenet300 and lenet5 are the two that Deep Compression counts (Han et al., 2016, arXiv:1510.00149): 266,610 and 431,080
parameters on 28 x 28 digits. The third is the two-convolution net of the TensorFlow and PyTorch tutorials.
"""

from collections import OrderedDict

from pydantic import PositiveInt
from torch import nn

from jobs.errors import UserError
from jobs.nets.fit import require_size, resize_fix


def lenet300(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """784-300-100-classes; only 28 x 28 images of one channel, so that the count of parameters is the published one."""
    if in_shape != (1, 28, 28):
        channels, height, width = in_shape
        raise UserError(
            f"arch: lenet300 takes 28x28x1 images, these are {height}x{width}x{channels}. "
            f"Add {resize_fix(in_shape, (1, 28, 28))} to images.preprocess."
        )
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(784, 300),
            relu1=nn.ReLU(),
            fc2=nn.Linear(300, 100),
            relu2=nn.ReLU(),
            fc3=nn.Linear(100, classes),
        )
    )


def lenet5(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Caffe's examples/mnist: unpadded 5 x 5 convolutions (20, 50) with max pooling and no ReLU, then 500-classes."""
    channels, height, width = in_shape
    require_size("lenet5", in_shape, 16)
    pooled = (((height - 4) // 2 - 4) // 2) * (((width - 4) // 2 - 4) // 2)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 20, 5),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(20, 50, 5),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(50 * pooled, 500),
            relu1=nn.ReLU(),
            fc2=nn.Linear(500, classes),
        )
    )


def lenet(in_shape: tuple[int, int, int], classes: int, *, fc1: PositiveInt = 1024) -> nn.Module:
    """Padded 5 x 5 convolutions (32, 64), each with ReLU and max pooling, then fc1-classes."""
    channels, height, width = in_shape
    require_size("lenet", in_shape, 4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 32, 5, padding=2),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 5, padding=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64 * (height // 4) * (width // 4), fc1),
            relu3=nn.ReLU(),
            fc2=nn.Linear(fc1, classes),
        )
    )
