"""Covering windows: against arithmetic and captum, several images and targets at once, and networks that resist."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import Occlusion as CaptumOcclusion  # type: ignore[import-untyped]
from torch import Tensor, nn

from analysis.attribution.neuron import Neuron
from analysis.attribution.occluder import Occluder
from analysis.attribution.occlusion import drop, mean_drop, most_probable, occlusion
from analysis.attribution.readout import MostProbable, Pooled, Probability, Target
from tests.analysis.attribution.nets import Call, pictures, small_net


def assert_same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12, equal_nan=True)


def test_of_a_linear_network_the_drop_is_what_the_window_contributes() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(3 * 12 * 12, 4)
    net = nn.Sequential(nn.Flatten(), linear).double()
    images, fill = pictures(), (0.5, -1.0, 2.0)
    found = occlusion(net, images, [Neuron(channel=k) for k in range(4)], Occluder(5, 4, fill))
    weights = linear.weight.reshape(4, 3, 12, 12)
    lost = (weights[None] * (images - torch.tensor(fill)[:, None, None])[:, None]).sum(2)
    for y, (top, bottom) in enumerate(found.rows):
        for x, (left, right) in enumerate(found.columns):
            assert_same(drop(found)[:, :, y, x], lost[:, :, top:bottom, left:right].sum((2, 3)).detach())
    assert found.rows.tolist() == [[0, 5], [4, 9], [8, 12]]
    assert_same(found.clean, net(images).detach())


@pytest.mark.parametrize(("window", "stride"), [((4, 3), (2, 3)), ((5, 5), (5, 4)), ((1, 1), (1, 1))])
def test_the_mean_drop_of_a_pixel_is_captums_attribution(window: tuple[int, int], stride: tuple[int, int]) -> None:
    net, images = small_net(), pictures()
    found = mean_drop(occlusion(net, images, [Neuron(channel=2)], Occluder(window, stride, 0.3)))
    expected = CaptumOcclusion(net).attribute(images, (3, *window), (3, *stride), baselines=0.3, target=2)
    for color in range(3):  # which captum sums in float32
        torch.testing.assert_close(found[:, 0].float(), expected[:, color].detach(), rtol=1e-5, atol=1e-7)


def test_pixels_that_no_window_covers_have_no_mean() -> None:
    found = mean_drop(occlusion(small_net(), pictures(1), [Neuron(channel=0)], Occluder(2, 5)))
    assert found[0, 0].isnan().sum() == 144 - 36
    assert not found[0, 0, :2, 5:7].isnan().any()


TARGETS: list[Target] = [
    Neuron(channel=1), Neuron(channel=[0, 3, 1]), Probability(2), Probability([1, 2, 3]), MostProbable(),
    Pooled("conv1", 3), Pooled("act1", [5, 0, 1], by="sum"), Pooled("bn1", direction=np.arange(6.0), by="sum"),
    Neuron("conv2", 7, (1, 2)), Neuron("conv2", 7, [(0, 0), (3, 3), (1, 2)]), Neuron("act1", [0, 1, 2], "argmax"),
    Neuron("conv2", direction=torch.arange(8.0), position="argmax"), Neuron("input", 0, (11, 11)), Neuron("fc", 0),
    Neuron("mean", 4),
]  # fmt: skip


@pytest.mark.parametrize("incremental", [True, False])
def test_all_targets_and_images_of_one_sweep_are_those_of_many(incremental: bool) -> None:
    net, images, occluder = small_net(), pictures(), Occluder(4, 3, 0.1)
    together = occlusion(net, images, TARGETS, occluder, incremental=incremental)
    assert together.scores.shape == (3, len(TARGETS), 4, 4)
    for number, target in enumerate(TARGETS):
        alone = occlusion(net, images, [target], occluder, incremental=False)
        assert_same(together.scores[:, number], alone.scores[:, 0])
        assert_same(together.clean[:, number], alone.clean[:, 0])
    one = occlusion(net, images[1:2], [Neuron(channel=3), Neuron("act1", 1, "argmax")], occluder)
    assert_same(one.scores[0], together.scores[1, [1, 10]])


def test_images_are_cut_into_groups_without_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    net, images, occluder = small_net(), pictures(5), Occluder(4, 2)
    targets = [Neuron(channel=[0, 1, 2, 3, 0]), Neuron("conv2", [4, 3, 2, 1, 0], [(k % 4, 1) for k in range(5)])]
    whole = occlusion(net, images, targets, occluder)
    monkeypatch.setattr("analysis.attribution.occlusion.TOGETHER", 60)
    monkeypatch.setattr("analysis.attribution.incremental.network.STORE_BYTES", 4000)
    monkeypatch.setattr("analysis.attribution.whole_network.BATCH_VALUES", 1500)
    for incremental in (True, False):
        cut = occlusion(net, images, targets, occluder, incremental=incremental)
        assert_same(cut.scores, whole.scores)
        assert_same(cut.clean, whole.clean)


def test_scores_are_the_numbers_themselves() -> None:
    net, images = small_net(), pictures(2)
    targets: list[Target] = [
        *(Neuron(channel=k) for k in range(4)),
        *(Probability(k) for k in range(4)),
        MostProbable(),
    ]
    targets += [Pooled("conv2", 0, by="sum"), Pooled("conv2", 0), Pooled("conv1", 0, by="sum"), Pooled("conv1", 0)]
    found = occlusion(net, images, targets, Occluder(3, 3))
    logits, probabilities, most = found.scores[:, :4], found.scores[:, 4:8], found.scores[:, 8]
    assert_same(probabilities, logits.softmax(1))
    assert torch.equal(most.long(), most_probable(replace(found, scores=logits, clean=found.clean[:, :4])))
    covered = images.clone()
    covered[:, :, 3:6, 6:9] = 0
    assert_same(net(covered).detach(), logits[:, :, 1, 2])
    positions = found.scores[:, 9] / found.scores[:, 10], found.scores[:, 11] / found.scores[:, 12]
    assert_same(positions[0], torch.full_like(most, 16))
    assert_same(positions[1], torch.full_like(most, 144))


class Decides(nn.Module):
    """Does what torch.fx cannot trace."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if bool(x.isfinite().all()) else x


class WritesOver(nn.Module):
    """Adds in place to a tensor that has another name, which torch.fx does not see."""

    def forward(self, x: Tensor) -> Tensor:
        y = z = x * 1
        z += 1
        return y + z


@pytest.mark.parametrize("module", [Decides, WritesOver])
def test_networks_that_are_not_what_torch_fx_sees_are_run_whole(module: Callable[[], nn.Module]) -> None:
    parts, images = list(small_net().children()), pictures()
    net = nn.Sequential(*parts[:3], module(), *parts[3:])
    found = occlusion(net, images, [Neuron(channel=1), Pooled("5", 0)], Occluder(4, 4))
    for y, (top, bottom) in enumerate(found.rows):
        covered = images.clone()
        covered[:, :, top:bottom, :4] = 0
        assert_same(found.scores[:, 0, y, 0], net(covered)[:, 1].detach())
        assert_same(found.scores[:, 1, y, 0], net[:6](covered)[:, 0].mean((1, 2)).detach())


def test_the_network_and_the_images_are_left_as_they_were() -> None:
    inner, images = small_net(lambda: nn.ReLU(inplace=True)), pictures()
    net = nn.Sequential(Call(torch.relu_), inner)
    net.train()
    norm = inner.get_submodule("bn1").eval()
    before, given = copy.deepcopy(net.state_dict()), images.clone()
    names = [set(vars(module)) for module in net.modules()]
    for incremental in (True, False):
        found = occlusion(net, images, [Neuron(channel=0), Pooled("1.bn1", 0)], Occluder(4, 4), incremental=incremental)
        assert not found.scores.requires_grad
    assert torch.equal(images, given)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert [set(vars(module)) for module in net.modules()] == names
    assert net.training
    assert not norm.training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())
    assert all(
        not module.inplace or isinstance(module, nn.ReLU) for module in net.modules() if hasattr(module, "inplace")
    )


def test_works_where_nothing_records_gradients() -> None:
    net, images, targets = small_net(), pictures(1), [Neuron(channel=0)]
    with torch.inference_mode():
        inside = occlusion(net, images, targets, Occluder(4, 4))
    assert_same(inside.scores, occlusion(net, images, targets, Occluder(4, 4)).scores)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Pooled("conv3", 0), r"^Layer 'conv3' is not in the network: did you mean 'conv2'\?$"),
        (Pooled("conv*", 0), r"^Layer 'conv\*' names 2 layers, conv1, conv2 \.\.\.: name one\.$"),
        (Pooled("conv1", 6), r"^Channel 6 is not in layer conv1: it has 0 to 5\.$"),
        (Pooled("conv1", direction=np.ones(4)), r"^The direction has 4 weights, layer conv1 6 channels\.$"),
        (Neuron(channel=4), r"^Channel 4 is not in the output: it has 0 to 3\.$"),
        (Neuron(channel=[0, 1]), r"^2 channels for 3 images: give one for all or one for each\.$"),
        (Neuron("conv1", 0), r"^layer conv1 has 12 x 12 positions: name one as \(y, x\), or argmax\.$"),
        (Neuron("conv1", 0, (0, 12)), r"^Position \(0, 12\) is not in layer conv1: its maps are 12 x 12\.$"),
        (Neuron("conv1", 0, [(0, 0)] * 2), r"^2 positions for 3 images: give one for all or one for each\.$"),
        (Probability(0, "conv1"), r"^layer conv1 has 12 x 12 positions"),
    ],
)
def test_targets_that_do_not_fit_are_one_line(target: Target, message: str) -> None:
    for incremental in (True, False):
        with pytest.raises(ValueError, match=message):
            occlusion(small_net(), pictures(), [target], Occluder(4, 4), incremental=incremental)


def test_other_bad_input_is_one_line() -> None:
    with pytest.raises(ValueError, match=r"^There is no target: give at least one class, channel or direction\.$"):
        occlusion(small_net(), pictures(), [], Occluder(4, 4))
    with pytest.raises(RuntimeError, match=r"^Layer conv1@1 did not run in the forward pass"):
        occlusion(small_net(), pictures(), [Pooled("conv1@1", 0)], Occluder(4, 4))
    with pytest.raises(ValueError, match=r"^A neuron of layer conv1 needs either a channel or a direction\.$"):
        Pooled("conv1")


def test_a_window_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^The occluder is 13 pixels high, the images 12: choose a smaller window\.$"):
        occlusion(small_net(), pictures(), [Neuron(channel=0)], Occluder(13, 4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_as_on_a_cpu() -> None:
    net, images, occluder = small_net(), pictures(), Occluder(4, 3, 0.1)
    expected = occlusion(net, images, TARGETS, occluder)
    found = occlusion(net.cuda(), images.cuda(), TARGETS, occluder)
    assert found.scores.is_cuda
    assert_same(found.scores.cpu(), expected.scores)
