"""Receptive fields of known networks; gradients lie within the boxes and touch their sides; crops; effective fields."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from analysis.units.receptive_field import (
    Box,
    ReceptiveField,
    crop,
    effective_receptive_field,
    effective_size,
    exact_boxes,
    receptive_field,
    receptive_fields,
)
from jobs.nets.convnet import convnet
from jobs.nets.resnet import resnet20
from tests.analysis.units.stacks import stacks

IN_SHAPE = (2, 41, 36)
WHOLE = ReceptiveField((41, 36), (0, 0), (0, 0))


def square(size: int, stride: int, start: int) -> ReceptiveField:
    return ReceptiveField((size, size), (stride, stride), (start, start))


def torchvision_net(name: str, device: str = "cpu") -> nn.Module:
    """With random weights, or with whatever lies in memory if made on `meta`, which is quick: fields are the same."""
    import torchvision  # type: ignore[import-untyped]

    options = {"init_weights": False} if name == "inception_v3" else {}
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(0)
        net: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return net.to_empty(device="cpu") if device == "meta" else net


def chain(*windows: tuple[int, int, int]) -> ReceptiveField:
    """By hand: (kernel, stride, padding) of each window, one behind another."""
    size, stride, start = 1, 1, 0
    for kernel, step, padding in windows:
        size, start, stride = size + (kernel - 1) * stride, start - padding * stride, stride * step
    return square(size, stride, start)


# 163 and 195: AlexNet's conv5 and pool5. 212 and 1311: Araujo et al., 2019, Computing receptive fields (Distill).
@pytest.mark.parametrize(
    ("name", "side", "layers"),
    [
        ("alexnet", 224, {"features.10": square(163, 16, -66), "features.12": square(195, 32, -66)}),
        ("vgg16", 64, {"features.28": square(196, 16, -90), "features.30": square(212, 32, -90)}),
        (
            "resnet18",
            64,
            {
                "bn1": square(7, 2, -3),
                "layer1": square(43, 4, -21),
                "layer2": square(99, 8, -49),
                "layer3": square(211, 16, -105),
                "layer4": square(435, 32, -217),
                "fc": square(64, 0, 0),
            },
        ),
        ("inception_v3", 96, {"Mixed_7c": square(1311, 32, -618)}),
    ],
)
def test_known_networks(name: str, side: int, layers: dict[str, ReceptiveField]) -> None:
    assert receptive_fields(torchvision_net(name, "meta"), list(layers), (3, side, side)) == layers


def test_fire_modules_are_windows_of_three() -> None:
    fire, pool = (3, 1, 1), (3, 2, 0)
    first, second = [(3, 2, 0), pool, fire, fire], [pool, fire, fire]
    found = receptive_fields(torchvision_net("squeezenet1_1"), ["features.4", "features.7", "features.12"], (3, 96, 96))
    assert list(found.values()) == [
        chain(*first),
        chain(*first, *second),
        chain(*first, *second, pool, fire, fire, fire, fire),
    ]


def test_the_nets_that_are_trained_here() -> None:
    found = receptive_fields(resnet20((3, 32, 32), 10), ["layer?", "layer2.0.add", "pool", "linear"], (3, 32, 32))
    same, half = (3, 1, 1), (3, 2, 1)
    first, second = [same] * 7, [half] + [same] * 5
    assert found["layer1"] == chain(*first)
    assert found["layer2.0.add"] == chain(*first, half, same)
    assert found["layer2"] == chain(*first, *second)
    assert found["layer3"] == chain(*first, *second, *second) == square(81, 4, -40)
    assert found["pool"] == found["linear"] == square(32, 0, 0)
    # Maps of 1 x 1: a shortcut of every second pixel of one has no step to measure.
    assert receptive_field(resnet20((3, 4, 4), 10), "layer3", (3, 4, 4)) == found["layer3"]
    found = receptive_fields(convnet((3, 32, 32), 10), ["relu2", "pool", "shrink", "flatten", "fc2"], (3, 32, 32))
    shrunk = chain(same, same, (2, 2, 0), same, (4, 4, 0))
    assert list(found.values()) == [square(5, 1, -2), square(6, 2, -2), shrunk, square(32, 0, 0), square(32, 0, 0)]


@settings(max_examples=25, deadline=None)
@given(net=stacks(IN_SHAPE, average=True))
def test_gradients_lie_within_the_box_and_touch_its_four_sides(net: nn.Sequential) -> None:
    """Weights are positive, so that gradients do not cancel. Inside the image the box is what is read, to the pixel."""
    layer, net = str(len(net) - 1), net.double()
    field, boxes = receptive_field(net, layer, IN_SHAPE), exact_boxes(net, layer, IN_SHAPE)
    image = torch.ones(1, *IN_SHAPE, dtype=torch.float64, requires_grad=True)
    maps = net(image).sum((0, 1))
    height, width = maps.shape
    for y, x in {(0, 0), (height - 1, width - 1), (height // 2, width // 2), (0, width // 2)}:
        (slope,) = torch.autograd.grad(maps[y, x], image, retain_graph=True)
        rows, columns = np.nonzero(slope[0].sum(0).numpy())
        support = Box(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) if len(rows) else Box(0, 0, 0, 0)
        assert support == Box(*boxes[y, x])
        box, clipped = field.box(y, x), field.box(y, x).clipped(41, 36)
        if len(rows):
            assert clipped == Box(*np.minimum(clipped, support)[:2], *np.maximum(clipped, support)[2:])
        if box == clipped and field.stride != (0, 0):
            assert box == support


def test_a_value_depends_on_nothing_outside_its_box() -> None:
    net = nn.Sequential(*list(torchvision_net("squeezenet1_1").eval().get_submodule("features").children())[:5])
    field = receptive_field(net, "4", (3, 100, 80))
    image, other = torch.rand(2, 3, 100, 80, generator=torch.Generator().manual_seed(0))
    for y, x in ((0, 0), (11, 9), (23, 18)):
        top, left, bottom, right = field.box(y, x).clipped(100, 80)
        changed = other.clone()
        changed[:, top:bottom, left:right] = image[:, top:bottom, left:right]
        with torch.no_grad():
            maps = net(torch.stack([image, changed]))
        torch.testing.assert_close(maps[0, :, y, x], maps[1, :, y, x])
        assert not torch.allclose(maps[0], maps[1])


def test_layers_without_a_stride_have_the_whole_image_and_exact_boxes() -> None:
    net = nn.Sequential(nn.AdaptiveAvgPool2d((4, 36)), nn.Flatten(2), nn.Flatten(), nn.Linear(288, 2))
    fields = receptive_fields(net, ["*"], IN_SHAPE)
    assert fields["0"] == ReceptiveField((41, 1), (0, 1), (0, 0))  # even bins of one column
    assert fields["1"] == fields["2"] == fields["3"] == WHOLE
    assert exact_boxes(net, "0", IN_SHAPE)[:, 5].tolist() == [
        [0, 5, 11, 6],
        [10, 5, 21, 6],
        [20, 5, 31, 6],
        [30, 5, 41, 6],
    ]
    assert exact_boxes(net, "3", IN_SHAPE).tolist() == [[[0, 0, 41, 36]]]


def test_the_network_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout())
    net[1].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    with torch.inference_mode():
        fields = receptive_fields(net, ["input", "1"], IN_SHAPE)
    assert fields == {"input": square(1, 1, 0), "1": square(3, 1, 0)}
    assert [module.training for module in net] == [True, False, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(KeyError, match="did you mean"):
        receptive_field(net, "11", IN_SHAPE)


def test_boxes_and_shares() -> None:
    field = ReceptiveField((7, 5), (2, 3), (-3, 0))
    assert field.box(1, 2) == Box(-1, 6, 6, 11)
    assert field.box(1, 2).clipped(4, 9) == Box(0, 6, 4, 9)
    assert field.box(9, 9).clipped(4, 9) == Box(4, 9, 4, 9)
    assert field.share(14, 10) == 0.25
    assert field.share(2, 10) == 0.5


@settings(max_examples=20, deadline=None)
@given(y=st.integers(-3, 9), x=st.integers(-3, 9), fill=st.floats(-1, 1, width=32))
def test_a_crop_is_a_window_of_the_image_on_an_endless_ground(y: int, x: int, fill: float) -> None:
    image = torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(1))
    field = ReceptiveField((5, 4), (2, 3), (-4, -2))
    ground = nn.functional.pad(image, (40, 40, 40, 40), value=fill)
    top, left, bottom, right = field.box(y, x)
    assert torch.equal(crop(image, field, y, x, fill), ground[:, 40 + top : 40 + bottom, 40 + left : 40 + right])


def test_the_effective_field_of_a_linear_stack_is_a_product_of_its_kernels() -> None:
    """Two windows of ones in a row: the gradient along an axis is 1, 2, 3, 2, 1 (Luo et al., 2016, sec. 2.1)."""
    net = nn.Sequential(nn.Conv2d(2, 1, 3, bias=False), nn.Conv2d(1, 2, 3, bias=False), nn.ReLU(inplace=True))
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    energy = effective_receptive_field(net, "1", torch.zeros(3, 2, 9, 9), channel=0)
    line = torch.tensor([0.0, 0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0])
    torch.testing.assert_close(energy, 2 * torch.outer(line, line).square(), rtol=0, atol=0)
    both = effective_receptive_field(net, "1", torch.zeros(3, 2, 9, 9))
    torch.testing.assert_close(both, 4 * energy, rtol=0, atol=0)
    assert [effective_size(energy, share) for share in (0.2, 0.8, 0.98, 1.0)] == [1, 3, 5, 5]
    with pytest.raises(ValueError, match="Channel 2 is not in layer 1: it has 0 to 1"):
        effective_receptive_field(net, "1", torch.zeros(1, 2, 9, 9), channel=2)


def test_the_effective_field_lies_within_the_receptive_field() -> None:
    net = torchvision_net("resnet18")
    image = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(2))
    energy = effective_receptive_field(net, "layer1", image)
    box = receptive_field(net, "layer1", (3, 112, 112)).box(14, 14)
    inside = energy[box.top : box.bottom, box.left : box.right]
    torch.testing.assert_close(inside.sum(), energy.sum())
    assert 1 <= effective_size(energy, 0.5) <= effective_size(energy) <= 43


@settings(max_examples=20, deadline=None)
@given(radius=st.integers(0, 4), y=st.integers(4, 9), x=st.integers(4, 7), share=st.floats(0.01, 1))
def test_an_even_square_holds_its_shares(radius: int, y: int, x: int, share: float) -> None:
    energy = torch.zeros(14, 12)
    energy[y - radius : y + radius + 1, x - radius : x + radius + 1] = 2.0
    side = effective_size(energy, share)
    assert (side - 2) ** 2 < share * (2 * radius + 1) ** 2 <= side**2 or side == 1
    assert effective_size(torch.zeros(5, 5)) == 0
    with pytest.raises(ValueError, match="share is 0: give"):
        effective_size(energy, 0)


@pytest.mark.gpu
def test_a_network_on_cuda_has_the_same_fields() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = torchvision_net("resnet18")
    on_cpu = receptive_fields(net, ["layer*", "fc"], (3, 64, 64))
    assert receptive_fields(net.cuda(), ["layer*", "fc"], (3, 64, 64)) == on_cpu
