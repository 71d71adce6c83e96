"""Small nets with random weights of their own seed, and the parts they are made of."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from analysis.dynamics.seeding import seeded


def pictures(images: int = 3, side: int = 12, seed: int = 5, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, 3, side, side, generator=generator, dtype=dtype)


def small_net(activation: Callable[[], nn.Module] = nn.ReLU, seed: int = 1) -> nn.Module:
    """conv, batch norm, activation, pool, conv, activation, mean, linear to 4 classes; float64, eval mode."""
    with seeded("cpu", seed):
        layers = OrderedDict(
            conv1=nn.Conv2d(3, 6, 3, padding=1), bn1=nn.BatchNorm2d(6), act1=activation(), pool=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 8, 3), act2=activation(), mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
            fc=nn.Linear(8, 4),
        )  # fmt: skip
        net = nn.Sequential(layers)
        nn.init.normal_(layers["bn1"].running_mean, std=0.1)  # type: ignore[arg-type]
    return net.double().eval()


class Between(nn.Module):
    """Two linear layers over the colors of single pixels, and any function between them."""

    def __init__(self, function: Callable[[Tensor], Tensor], first: Tensor, second: Tensor) -> None:
        super().__init__()
        self.function = function
        self.first, self.second = nn.Linear(*first.shape[::-1]), nn.Linear(*second.shape[::-1])
        self.first.weight.data, self.second.weight.data = first, second
        self.first.bias.data, self.second.bias.data = torch.zeros(len(first)), torch.zeros(len(second))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.function(self.first(x.flatten(1))))


class Call(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)
