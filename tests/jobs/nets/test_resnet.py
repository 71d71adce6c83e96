"""CIFAR's residual nets: option-A shortcuts, hookable sums, and the public checkpoints with their accuracies."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.dynamics.train import evaluate
from jobs.nets.build import build, default_preprocess
from jobs.nets.resnet import Shortcut
from jobs.nets.weights import load_weights, read_weights

PUBLIC = [("resnet20", "resnet20-12fca82f", 0.9173), ("resnet32", "resnet32-d509ac18", 0.9263)]


def test_the_shortcut_takes_every_second_pixel_between_zero_channels() -> None:
    x = torch.randn(2, 16, 8, 8)
    y = Shortcut(16, 2)(x)
    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert torch.count_nonzero(y[:, :8]) == torch.count_nonzero(y[:, 24:]) == 0


def test_every_residual_sum_can_be_hooked() -> None:
    net, seen = build("resnet20", (3, 32, 32), 10), dict[str, Tensor]()
    for name in ("layer2.0.bn2", "layer2.0.shortcut", "layer2.0.add", "layer2.0.relu2"):
        net.get_submodule(name).register_forward_hook(lambda m, i, out, name=name: seen.update({name: out.clone()}))
    with torch.no_grad():
        net(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(seen["layer2.0.add"], seen["layer2.0.bn2"] + seen["layer2.0.shortcut"])
    assert seen["layer2.0.add"].min() < 0
    assert torch.equal(seen["layer2.0.relu2"], seen["layer2.0.add"].relu())


@pytest.mark.parametrize("arch", ["resnet8", "resnet20", "resnet32"])
def test_depth_counts_the_layers_with_weights(arch: str) -> None:
    net = build(arch, (3, 32, 32), 10)
    layers = [name for name, value in net.named_parameters() if value.ndim > 1]
    assert len(layers) == int(arch.removeprefix("resnet"))


@pytest.mark.shared
@pytest.mark.parametrize(("arch", "file", "accuracy"), PUBLIC)
def test_public_checkpoints_have_exactly_our_names(shared_data: Path, arch: str, file: str, accuracy: float) -> None:
    path = shared_data / "nets" / f"{file}.safetensors"
    net = build(arch, (3, 32, 32), 10)
    names = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    assert names == set(read_weights(path))
    load_weights(net, path)
    assert torch.equal(net.get_parameter("linear.weight"), read_weights(path)["linear.weight"])


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("arch", "file", "accuracy"), PUBLIC)
def test_public_checkpoints_reach_their_accuracy(shared_data: Path, arch: str, file: str, accuracy: float) -> None:
    with np.load(shared_data / "cifar10.npz") as arrays:
        images, labels = arrays["test_images"], torch.from_numpy(arrays["test_labels"].astype(np.int64))
    preprocess = default_preprocess(arch)
    assert preprocess is not None
    net = build(arch, (3, 32, 32), 10)
    load_weights(net, shared_data / "nets" / f"{file}.safetensors")
    _, measured = evaluate(net, torch.stack([preprocess(image) for image in images]), labels)
    # One image of 10,000 may fall on the other side of a tie under another order of float32 sums.
    assert measured == pytest.approx(accuracy, abs=2e-4)
