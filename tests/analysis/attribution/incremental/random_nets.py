"""Random convolutional networks that torch.fx can trace: windows of every geometry, branches, shortcuts, three ends."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.analysis.attribution.nets import Call
from tests.analysis.units.stacks import windows

CHANNELS = 2
ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.ReLU,
    lambda: nn.ReLU(inplace=True),
    lambda: Call(torch.relu),
    lambda: Call(lambda x: functional.relu(x, inplace=True)),
    lambda: Call(lambda x: x.relu_()),
    lambda: Call(lambda x: x.clamp(min=-0.1, max=0.5)),
    nn.SiLU,
    lambda: nn.PReLU(CHANNELS),
    nn.Dropout,
    nn.Identity,
]


class Branches(nn.Module):
    """What two ways through the same maps make, put together."""

    def __init__(self, one: nn.Module, other: nn.Module, together: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.other, self.together = one, other, together

    def forward(self, x: Tensor) -> Tensor:
        return self.together(self.one(x), self.other(x))


def shortcut(stride: int) -> Callable[[Tensor], Tensor]:
    """Every stride-th position, zeros for the first channel and two rows of zeros that are cut off again."""
    return lambda x: functional.pad(
        functional.pad(x, (0, 0, 2, 0))[:, :1, 2:][:, :, ::stride, ::stride], (0, 0, 0, 0, 1, 0)
    )


JOINS: list[Callable[[Tensor, Tensor], Tensor]] = [
    lambda x, y: x + y,
    lambda x, y: torch.add(x, y) * 0.5,
    lambda x, y: torch.cat([x, y], 1),
    lambda x, y: x * torch.sigmoid(y),
    lambda x, y: x * torch.sigmoid(y.mean((2, 3), keepdim=True)),
]


@st.composite
def batch_norms(draw: st.DrawFn) -> nn.Module:
    norm = nn.BatchNorm2d(CHANNELS, affine=draw(st.booleans()))
    for tensor in norm.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return norm


@st.composite
def convolutions(draw: st.DrawFn, stride: int) -> nn.Module:
    """To maps of one size for one stride, whatever the kernel."""
    kernel, dilation = draw(st.sampled_from([1, 3, 3, 5])), draw(st.integers(1, 2))
    groups, bias = draw(st.sampled_from([1, 1, CHANNELS])), draw(st.booleans())
    padding: Any = "same" if stride == 1 and draw(st.booleans()) else (kernel - 1) * dilation // 2
    return nn.Conv2d(CHANNELS, CHANNELS, kernel, stride, padding, dilation, groups, bias)


@st.composite
def branches(draw: st.DrawFn) -> nn.Module:
    """Two ways of like stride, and one channel after they are put together if these are too many."""
    stride = draw(st.integers(1, 2))
    one = nn.Sequential(draw(convolutions(stride)), draw(batch_norms()), draw(st.sampled_from(ACTIVATIONS))())
    if draw(st.booleans()):
        other: nn.Module = draw(convolutions(stride))
    else:
        other = nn.Identity() if stride == 1 else Call(shortcut(stride))
    return nn.Sequential(Branches(one, other, draw(st.sampled_from(JOINS))), nn.LazyConv2d(CHANNELS, 1))


ENDS: list[Callable[[], list[nn.Module]]] = [
    lambda: [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(3)],
    lambda: [Call(lambda x: x.view(x.size(0), -1)), nn.LazyLinear(3)],
    lambda: [Call(lambda x: x.mean([2, 3]))],
]


@st.composite
def random_nets(draw: st.DrawFn, in_shape: tuple[int, int, int] = (CHANNELS, 19, 16)) -> nn.Sequential:
    """One to five windows or branches for images of this shape, then three numbers an image; float64, eval mode."""
    parts = draw(
        st.lists(
            windows(CHANNELS, average=True) | windows(CHANNELS, average=False) | branches(), min_size=1, max_size=5
        )
    )
    parts += [draw(batch_norms()), draw(st.sampled_from(ACTIVATIONS))()]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(draw(st.integers(0, 99)))
        net = nn.Sequential()
        image = torch.rand(1, *in_shape)
        for part in parts:
            try:
                image = part.eval()(image)
            except RuntimeError:  # the maps are smaller than its kernel
                continue
            net.append(part)
        for part in draw(st.sampled_from(ENDS))():
            net.append(part)
        net(torch.rand(1, *in_shape))
        for parameter in net.parameters():
            parameter.uniform_(-1.0, 1.0)
    return net.double().eval()
