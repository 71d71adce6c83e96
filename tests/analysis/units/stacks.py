"""Random small convolutional networks: stacks of windows of every geometry, and branches that meet again."""

import torch
from hypothesis import strategies as st
from torch import Tensor, nn


class Meet(nn.Module):
    """Branches, cut to the smallest of them, added or concatenated: by functions and in place, not by modules."""

    def __init__(self, branches: list[nn.Module], add: bool) -> None:
        super().__init__()
        self.branches, self.add = nn.ModuleList(branches), add

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps."""
        outputs = [branch(x) for branch in self.branches]
        height, width = (min(output.shape[dim] for output in outputs) for dim in (2, 3))
        outputs = [torch.relu_(output[:, :, :height, :width] + 1) for output in outputs]
        return sum(outputs[1:], outputs[0]) if self.add else torch.cat(outputs, 1)


@st.composite
def windows(draw: st.DrawFn, channels: int, average: bool) -> nn.Module:
    """A convolution to two channels, or a pooling (by averages if `average`), with numbers for each axis."""
    pool, ceil = draw(st.booleans()), draw(st.booleans())
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    most = [k // 2 if pool else (k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    padding = draw(st.tuples(st.integers(0, most[0]), st.integers(0, most[1])))
    if not pool:
        return nn.Sequential(nn.Conv2d(channels, 2, kernel, stride, padding, dilation), nn.ReLU(inplace=True))
    if average:
        return nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil)
    return nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil)


@st.composite
def branches(draw: st.DrawFn) -> nn.Module:
    """Two or three convolutions of like stride with other kernels, dilations and paddings, added or concatenated."""
    stride, add = draw(st.integers(1, 2)), draw(st.booleans())
    made: list[nn.Module] = []
    for _ in range(draw(st.integers(2, 3))):
        kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        padding = draw(st.integers(0, (kernel - 1) * dilation))
        made.append(nn.Conv2d(2, 2, kernel, stride, padding, dilation))
    return nn.Sequential(Meet(made, add), nn.LazyConv2d(2, 1))


@st.composite
def stacks(draw: st.DrawFn, in_shape: tuple[int, int, int] = (2, 23, 18), average: bool = False) -> nn.Sequential:
    """One to four windows or branches for images of two channels, positive weights; its output has a position."""
    parts = draw(st.lists(windows(2, average) | branches(), min_size=1, max_size=4))
    seed = draw(st.integers(0, 99))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        net = nn.Sequential()
        image = torch.rand(1, *in_shape)
        for part in parts:
            try:
                image = part(image)
            except RuntimeError:  # the maps are smaller than its kernel
                break
            net.append(part)
        for parameter in net.parameters():
            parameter.uniform_(0.1, 1.0)
    return net or nn.Sequential(nn.Conv2d(2, 2, 1))
