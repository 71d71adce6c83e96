"""Every architecture: its published size, its hookable modules, its one-line refusals; building leaves no trace."""

import re

import pytest
import torch
from PIL import Image
from torch import nn

from jobs.errors import UserError
from jobs.nets.build import BUILT_IN, build, default_preprocess, output_classes
from jobs.nets.options import NetSpec
from jobs.nets.weights import state_digest


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("arch", "in_shape", "classes", "count"),
    [
        ("lenet300", (1, 28, 28), 10, 266_610),  # Han et al., 2016, table 1: 267 K
        ("lenet5", (1, 28, 28), 10, 431_080),  # Han et al., 2016, table 1: 431 K
        ("lenet", (1, 28, 28), 10, 3_274_634),  # the TensorFlow tutorial's deep MNIST net
        ("mlp2d", (1, 1, 2), 2, 102),
        ("resnet20", (3, 32, 32), 10, 269_722),  # akamaster: 0.27 M
        ("resnet32", (3, 32, 32), 10, 464_154),  # akamaster: 0.46 M
        ("torchvision:squeezenet1_1", (3, 224, 224), 1000, 1_235_496),  # torchvision's own count
    ],
)
def test_published_numbers_of_parameters(arch: str, in_shape: tuple[int, int, int], classes: int, count: int) -> None:
    net = build(arch, in_shape, classes)
    assert parameters(net) == count
    assert net(torch.zeros(2, *in_shape)).shape == (2, classes)
    assert not net.training


@pytest.mark.parametrize("in_shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 30, 45)])
def test_convnet_takes_small_and_large_images_with_about_the_same_number_of_parameters(
    in_shape: tuple[int, int, int],
) -> None:
    net = build("convnet", in_shape, 10)
    order = "conv1 bn1 relu1 conv2 bn2 relu2 pool conv3 bn3 relu3 shrink flatten fc1 relu4 fc2"
    assert " ".join(name for name, _ in net.named_children()) == order
    assert net(torch.zeros(2, *in_shape)).shape == (2, 10)
    assert 50_000 < parameters(net) < 150_000


def test_options_reach_the_architecture() -> None:
    net = build("convnet", (1, 8, 8), 10, {"width": 12})
    assert net.get_parameter("conv2.weight").shape == (12, 12, 3, 3)
    assert net.get_parameter("fc1.weight").shape[0] == 24


@pytest.mark.parametrize("arch", BUILT_IN)
def test_every_relu_is_a_module_that_runs_once_and_copies(arch: str) -> None:
    in_shape = {"lenet300": (1, 28, 28), "mlp2d": (1, 1, 2)}.get(arch, (1, 32, 32))
    net, calls = build(arch, in_shape, 10), list[str]()
    for name, module in net.named_modules():
        if isinstance(module, nn.ReLU):
            assert not module.inplace
            module.register_forward_hook(lambda module, inputs, output, name=name: calls.append(name))
    with torch.no_grad():
        net(torch.zeros(1, *in_shape))
    relus = [name for name, module in net.named_modules() if isinstance(module, nn.ReLU)]
    assert sorted(calls) == sorted(relus)
    traced = torch.fx.symbolic_trace(net)
    assert not [node for node in traced.graph.nodes if node.op == "call_function" and "relu" in str(node.target)]


@pytest.mark.parametrize("arch", ["convnet", "resnet8", "torchvision:squeezenet1_1"])
def test_the_seed_alone_decides_the_weights(arch: str) -> None:
    digests = []
    for caller, seed in [(1, 4), (2, 4), (2, 5)]:
        torch.manual_seed(caller)
        before = torch.get_rng_state()
        digests.append(state_digest(build(arch, (3, 64, 64), 10, seed=seed)))
        assert torch.equal(torch.get_rng_state(), before)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("arch", "in_shape", "options", "message"),
    [
        ("convnnet", (1, 8, 8), {}, "there is no net 'convnnet'; did you mean 'convnet'?"),
        ("torchvision:resnet19", (3, 64, 64), {}, "no classification net 'resnet19'; did you mean 'resnet1"),
        ("convnet", (1, 8, 8), {"widht": 8}, "options.widht: 8 does not suit convnet"),
        ("convnet", (1, 8, 8), {"width": "wide"}, "options.width: 'wide' does not suit convnet"),
        ("convnet", (1, 8, 8), {"width": 0}, "options.width: 0 does not suit convnet"),
        ("resnet20", (3, 32, 32), {"depth": 20}, "its options: none"),
        ("torchvision:resnet18", (3, 64, 64), {"colour": 1}, "torchvision:resnet18 refuses {'colour': 1}"),
        ("torchvision:alexnet", (3, 8, 8), {}, "torchvision:alexnet does not take 8x8x3 images"),
        ("torchvision:alexnet", (1, 224, 224), {}, "images.mode to RGB or L"),
        ("lenet300", (1, 8, 8), {}, "`- Resize: {size: [28, 28]}` (or `- Pad: {padding: 10}`)"),
        ("lenet300", (3, 32, 32), {}, "`- Grayscale` and `- Resize: {size: [28, 28]}` to images.preprocess"),
        ("lenet5", (1, 8, 8), {}, "lenet5 takes images of at least 16x16, these are 8x8"),
        ("mlp2d", (1, 8, 8), {}, "points of 2 values, these images have 64"),
        ("some.module:net", (1, 8, 8), {}, "allow it with `--allow-code some.module`"),
    ],
)
def test_refusals_are_one_line_with_the_fix(
    arch: str, in_shape: tuple[int, int, int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        build(arch, in_shape, 10, options)
    assert "\n" not in str(caught.value)


def test_the_default_preprocessing_is_that_of_the_public_weights() -> None:
    picture = Image.new("RGB", (300, 260), (255, 0, 128))
    squeeze = default_preprocess("torchvision:squeezenet1_1")
    cifar = default_preprocess("resnet20")
    assert squeeze is not None
    assert cifar is not None
    assert squeeze(picture).shape == (3, 224, 224)
    expected = (torch.tensor([1.0, 0.0, 128 / 255]) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    assert cifar(picture).shape == (3, 260, 300)
    torch.testing.assert_close(cifar(picture)[:, 7, 9], expected)
    assert default_preprocess("convnet") is default_preprocess("some.module:net") is None


@pytest.mark.parametrize(
    ("fields", "classes"),
    [
        ({"arch": "convnet"}, 7),
        ({"arch": "torchvision:resnet18"}, 1000),
        ({"arch": "torchvision:resnet18", "train": {}}, 7),
        ({"arch": "torchvision:resnet18", "classes": 20}, 20),
        ({"arch": "some.module:net"}, 7),
    ],
)
def test_number_of_outputs(fields: dict[str, object], classes: int) -> None:
    assert output_classes(NetSpec.model_validate(fields), 7) == classes
