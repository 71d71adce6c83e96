"""The thin residual nets of CIFAR, depth 6n + 2, with option-A shortcuts (He et al., 2016, arXiv:1512.03385, sec. 4.2).

Names of parameters are those of akamaster/pytorch_resnet_cifar10, so that its public checkpoints load. Each ReLU and
each residual sum is a module: a hook on `layer2.0.add` sees the sum, one on `layer2.0.relu2` what the next block gets.
"""

import torch
from torch import Tensor, nn

from jobs.nets.fit import require_size


class Shortcut(nn.Module):
    """Option A: every second pixel, and zeros for half of the new channels before the old ones and half after."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.before, self.after, self.stride = new_channels // 2, new_channels - new_channels // 2, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + new, ceil(H / stride), ceil(W / stride))."""
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class Add(nn.Module):
    """The residual sum, as a module so that it can be hooked."""

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        return x + shortcut


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut around them."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        same = stride == 1 and channels_in == channels
        self.shortcut = nn.Identity() if same else Shortcut(channels - channels_in, stride)
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, channels, H / stride, W / stride)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.add(self.bn2(self.conv2(out)), self.shortcut(x)))


class CifarResNet(nn.Module):
    """Three stages of `blocks` blocks with 16, 32 and 64 channels."""

    def __init__(self, blocks: int, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.layer1 = _stage(blocks, 16, 16, 1)
        self.layer2 = _stage(blocks, 16, 32, 2)
        self.layer3 = _stage(blocks, 32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to logits (N, classes)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.linear(self.flatten(self.pool(out)))


def _stage(blocks: int, channels_in: int, channels: int, stride: int) -> nn.Sequential:
    first = Block(channels_in, channels, stride)
    return nn.Sequential(first, *(Block(channels, channels, 1) for _ in range(blocks - 1)))


def resnet8(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """One block a stage."""
    return _resnet("resnet8", 1, in_shape, classes)


def resnet20(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Three blocks a stage: 269,722 parameters on CIFAR-10."""
    return _resnet("resnet20", 3, in_shape, classes)


def resnet32(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Five blocks a stage: 464,154 parameters on CIFAR-10."""
    return _resnet("resnet32", 5, in_shape, classes)


def _resnet(arch: str, blocks: int, in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    require_size(arch, in_shape, 4)
    return CifarResNet(blocks, in_shape[0], classes)


def cifar_preprocess(image: object) -> Tensor:
    """PIL image to float32 (3, H, W), by ImageNet's mean and deviation, as the public checkpoints were trained."""
    from torchvision.transforms import v2  # type: ignore[import-untyped]

    tensor = v2.functional.to_dtype(v2.functional.to_image(image), torch.float32, scale=True)
    return v2.functional.normalize(tensor, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
