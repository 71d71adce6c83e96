"""Every way to convolve parts of maps gives the library's convolution: to rounding in float64, nearly in float32."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from analysis.attribution.incremental.convolution import Convolution
from analysis.attribution.incremental.patches import Patches, Placement
from analysis.attribution.incremental.rectangles import Rectangles
from analysis.attribution.incremental.spans import Axis, Region
from analysis.attribution.incremental.winograd import Winograd

IMAGE = np.array([0, 1, 1, 0, 1])
CHANGED = Region(
    np.array([[0, 5], [3, 4], [0, 0], [6, 9], [0, 9]]), np.array([[2, 8], [0, 1], [3, 5], [5, 11], [0, 11]])
)
"""A corner, one position, nothing, another corner, all: of maps of 9 x 11 in two images."""


def covered(dtype: torch.dtype, channels: int) -> tuple[Tensor, Tensor, Patches]:
    """Clean maps, what the windows make of them, and the same as patches."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(2, channels, 9, 11, dtype=dtype, generator=generator)
    maps = clean[IMAGE]
    patches = Patches(clean.permute(0, 2, 3, 1).contiguous(), Placement(CHANGED, IMAGE, clean.device))
    rows = []
    for window, (top, bottom), (left, right) in zip(maps, *CHANGED, strict=True):
        part = torch.randn(channels, bottom - top, right - left, dtype=dtype, generator=generator)
        window[:, top:bottom, left:right] = part
        rows.append(part.permute(1, 2, 0).flatten(0, 1))
    patches.rows[:] = torch.cat(rows)
    return clean, maps, patches


def parts(convolution: Convolution, source: Patches, clean: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """The whole output of every window, of which the convolution has computed what may have changed."""
    outside = convolution.whole([clean]).permute(0, 2, 3, 1).contiguous()
    made = Patches(then(outside), Placement(convolution.affected(CHANGED), IMAGE, clean.device))
    convolution.fill([source], made, then)
    return made.maps()


def test_patches_are_the_maps_they_stand_for() -> None:
    clean, maps, patches = covered(torch.float64, 3)
    assert torch.equal(patches.maps(), maps)
    torch.testing.assert_close(patches.sums(), maps.sum((2, 3)), rtol=0, atol=1e-13)
    whole = Patches.of(maps)
    assert torch.equal(whole.maps(), maps)
    torch.testing.assert_close(whole.sums(), maps.sum((2, 3)), rtol=0, atol=1e-13)
    assert patches.stand_in().shape == maps.shape
    assert clean.shape[1] == patches.channels


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([Convolution, Rectangles, Winograd]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
)
def test_any_geometry(
    kind: type[Convolution],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: int,
    groups: int,
) -> None:
    if kind is Winograd:
        kernel, stride, dilation, groups = (3, 3), (1, 1), 1, 1
    groups = groups if kind is Rectangles else 1
    clean, maps, patches = covered(torch.float64, 4)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(8, 4 // groups, *kernel, dtype=torch.float64, generator=generator)
    bias = torch.randn(8, dtype=torch.float64, generator=generator)
    expected = functional.conv2d(maps, weight, bias, stride, padding, dilation, groups)
    axes = [
        Axis(k, s, p, dilation, size, outputs)
        for k, s, p, size, outputs in zip(kernel, stride, padding, (9, 11), expected.shape[2:], strict=True)
    ]
    found = parts(kind(axes[0], axes[1], weight, bias, groups), patches, clean, torch.relu)
    torch.testing.assert_close(found, expected.relu(), rtol=0, atol=1e-12)


def test_rounding_of_fewer_products_is_about_twice_that_of_the_plain_sum() -> None:
    clean, maps, patches = covered(torch.float32, 256)
    weight, bias = torch.randn(128, 256, 3, 3, generator=torch.Generator().manual_seed(2)), torch.zeros(128)
    axis = Axis(3, 1, 1, 1, 9, 9), Axis(3, 1, 1, 1, 11, 11)
    assert Winograd.fits(*axis, weight)
    exact = functional.conv2d(maps.double(), weight.double(), padding=1)
    errors = [
        float((parts(kind(*axis, weight, bias), patches, clean, torch.clone).double() - exact).square().mean().sqrt())
        for kind in (Winograd, Convolution)
    ]
    assert errors[0] < 4 * errors[1] < 1e-4


@pytest.mark.parametrize(
    ("rows", "channels", "dtype"),
    [
        (Axis(3, 2, 1, 1, 9, 5), 128, torch.float32),
        (Axis(3, 1, 2, 2, 9, 9), 128, torch.float32),
        (Axis(5, 1, 2, 1, 9, 9), 128, torch.float32),
        (Axis(3, 1, 1, 1, 9, 9), 64, torch.float32),
        (Axis(3, 1, 1, 1, 9, 9), 128, torch.bfloat16),
    ],
)
def test_fewer_products_only_where_they_are_right_and_pay(rows: Axis, channels: int, dtype: torch.dtype) -> None:
    kernel = torch.zeros(128, channels, rows.kernel, 3, dtype=dtype)
    assert not Winograd.fits(rows, Axis(3, 1, 1, 1, 11, 11), kernel)
