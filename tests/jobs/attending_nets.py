"""Small networks with attention over images, named in tests as `tests.jobs.attending_nets:NAME`."""

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer  # type: ignore[import-untyped]


def torchvision_vit(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """torchvision's own class on images of three colors."""
    return VisionTransformer(in_shape[1], in_shape[1] // 4, 2, 8, 32, 64, num_classes=classes)


class Encoded(nn.Module):
    """Pixels of an image as tokens, after some tokens that are none; the mean is classified."""

    def __init__(self, channels: int, classes: int, others: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, 8, 1)
        self.others = nn.Parameter(torch.randn(1, others, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        return self.head(self.encoder(torch.cat([self.others.expand(len(images), -1, -1), tokens], 1)).mean(1))


def encoded(in_shape: tuple[int, int, int], classes: int, others: int = 0) -> nn.Module:
    return Encoded(in_shape[0], classes, others)


class Crossing(nn.Module):
    """Two queries look at all pixels."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, 8, 1)
        self.queries = nn.Parameter(torch.randn(1, 2, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        return self.head(self.attention(self.queries.expand(len(images), -1, -1), tokens, tokens)[0].mean(1))


def crossing(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return Crossing(in_shape[0], classes)


class Unequal(nn.Sequential):
    """Two layers over all pixels, of two heads and of four."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.expand(-1, 8, -1, -1).flatten(2).transpose(1, 2)).mean(1)


def unequal() -> nn.Module:
    return Unequal(*(nn.TransformerEncoderLayer(8, heads, 16, batch_first=True) for heads in (2, 4)))
