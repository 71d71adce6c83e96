"""What the tracer says an element reads is what NaN reaches: at every position, whatever made it and in any layout."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn import functional

from analysis.units.receptive_field import exact_boxes, receptive_field
from tests.analysis.units.stacks import stacks
from tests.analysis.units.taint import tainted_boxes

IN_SHAPE = (2, 23, 18)


class Functional(nn.Module):
    """A convolution of stride 2, then any function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.function, self.end = nn.Conv2d(2, 4, 3, 2), function, nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps to what the function gives."""
        return self.end(self.function(self.conv(x)))


def assert_exact(net: nn.Module, layer: str) -> None:
    """Boxes are those that NaN reaches, and the lattice's boxes hold them."""
    found, expected = exact_boxes(net, layer, IN_SHAPE), tainted_boxes(net, layer, IN_SHAPE)
    np.testing.assert_array_equal(found, expected)
    field = receptive_field(net, layer, IN_SHAPE)
    for y, x in np.ndindex(found.shape[:2]):
        top, left, bottom, right = found[y, x]
        box = field.box(y, x).clipped(*IN_SHAPE[1:])
        if bottom > top:
            assert box.top <= top
            assert box.left <= left
            assert bottom <= box.bottom
            assert right <= box.right


@settings(max_examples=30, deadline=None)
@given(net=stacks(IN_SHAPE))
def test_random_stacks_and_branches_are_exact(net: nn.Sequential) -> None:
    assert_exact(net, str(len(net) - 1))


def windows_of_tokens(x: Tensor) -> Tensor:
    """Attention within windows of 11 x 4, shifted, as tokens and back."""
    n, c, h, w = x.shape
    x = x.roll((1, 2), (2, 3)).reshape(n, c, h // 11, 11, w // 4, 4).permute(0, 2, 4, 3, 5, 1)
    tokens = x.reshape(n * (h // 11) * (w // 4), 44, c)
    seen = functional.scaled_dot_product_attention(tokens, tokens, tokens).reshape(n, h // 11, w // 4, 11, 4, c)
    return seen.permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


def written_in_place(x: Tensor) -> Tensor:
    """Parts of a buffer, written and changed through views."""
    buffer = x.new_zeros(len(x), 5, *x.shape[2:])
    buffer[:, 1:3] = x[:, :2]
    buffer[:, :2].mul_(2)
    buffer[:, 3:].copy_(x[:, 2:].flip(2))
    buffer[:, 0].add_(buffer[:, 2])
    return buffer.unsqueeze_(0).squeeze_(0)


def gated(x: Tensor) -> Tensor:
    """Squeeze and excitation."""
    return x * x.mean((2, 3), keepdim=True).sigmoid()


def channels_last(x: Tensor) -> Tensor:
    """Norm and linear over channels."""
    rows = x.permute(0, 2, 3, 1)
    mixed = functional.linear(functional.layer_norm(rows, (4,)), torch.ones(6, 4, dtype=x.dtype))
    return functional.gelu(mixed).permute(0, 3, 1, 2)


def upsampled_beside(x: Tensor) -> Tensor:
    """A U: down, up by two ways, and concatenated with what was before."""
    down = functional.max_pool2d(x, 2, ceil_mode=True)
    kernel = torch.ones(4, 2, 3, 3, dtype=x.dtype)
    up = functional.conv_transpose2d(down, kernel, stride=2, padding=1, output_padding=1)
    near = functional.interpolate(down, scale_factor=2, mode="nearest")
    return torch.cat([x, up[:, :, :11, :8], near[:, :, :11, :8]], 1)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "attention in shifted windows": windows_of_tokens,
    "writes in place": written_in_place,
    "a gate": gated,
    "channels last": channels_last,
    "upsampling": upsampled_beside,
    "uneven means": lambda x: functional.adaptive_avg_pool2d(x, (4, 3)),
    "uneven maxima": lambda x: functional.adaptive_max_pool2d(x, (20, 5)),
    "mirrored borders": lambda x: functional.avg_pool2d(functional.pad(x, (1, 2, 2, 1), mode="reflect"), 3),
    "wrapped borders": lambda x: functional.avg_pool2d(functional.pad(x, (1, 1, 2, 2), mode="circular"), 3),
    "1-D convolution": lambda x: functional.conv1d(x.flatten(2), torch.ones(4, 2, 5).to(x), padding=2, groups=2),
    "pixel shuffle": lambda x: functional.pixel_shuffle(x, 2),
    "norm of groups": lambda x: functional.group_norm(x, 2)[:, :, 1:-1, ::3],
    "mean of rows": lambda x: x + x.mean(3, keepdim=True),
    "split and stacked": lambda x: torch.stack(x.split(1, dim=1)[::2], 1).squeeze(2).cumsum(1),
    "softmax of columns": lambda x: x.softmax(2)[..., 1:] + x.amax(dim=1, keepdim=True)[..., :-1],
    "tokens": lambda x: x.flatten(2).transpose(1, 2),
    "flat and linear": lambda x: functional.linear(x.flatten(1), torch.ones(3, 352).to(x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_exact(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert_exact(Functional(FUNCTIONS[name]), "end")


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_reads_what_has_a_weight(mode: str) -> None:
    """By the gradient: NaN goes through a weight of zero, which interpolation has beside every exact sample."""
    up = nn.Upsample(scale_factor=2, mode=mode, align_corners=True)
    image = torch.rand(1, 1, 6, 5, dtype=torch.float64, requires_grad=True)
    boxes = exact_boxes(nn.Sequential(up), "0", (1, 6, 5))
    for y, x in np.ndindex(12, 10):
        (slope,) = torch.autograd.grad(up(image)[0, 0, y, x], image)
        rows, columns = (slope[0, 0].abs().amax(1 - axis).numpy() > 1e-6 for axis in (0, 1))
        ends = [edge for read in (rows, columns) for edge in (read.argmax(), len(read) - read[::-1].argmax())]
        assert boxes[y, x].tolist() == [ends[0], ends[2], ends[1], ends[3]]


class Beside(nn.Module):
    """A spectrum behind one layer; another layer takes no part in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.spectrum, self.end, self.constant = nn.Conv2d(2, 4, 3), Spectrum(), nn.ReLU(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps."""
        x = self.conv(x)
        return self.end(self.spectrum(x)) + x.sum() * self.constant(torch.ones(1, 1, 1, 1))


class Spectrum(nn.Module):
    """An operation without a rule, followed by one with a rule."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps."""
        return torch.fft.fft2(x).abs()


def test_an_unknown_operation_is_named_and_hurts_only_what_lies_behind_it() -> None:
    net = Beside()
    assert receptive_field(net, "conv", IN_SHAPE).size == (3, 3)
    with pytest.raises(ValueError, match=r"^Layer end depends on the image through aten\._fft_\w+\.default, whose "):
        receptive_field(net, "end", IN_SHAPE)
    with pytest.raises(ValueError, match=r"^Layer constant does not depend on the image: choose another layer.$"):
        receptive_field(net, "constant", IN_SHAPE)
