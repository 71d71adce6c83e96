"""FGSM and PGD where the answer is known, and what holds of every attack."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.adversarial import Adversarial, fgsm, in_unit_ball, pgd
from analysis.attribution.deepfool import deepfool
from analysis.attribution.log_odds import log_odds
from analysis.attribution.pixel_range import PixelRange
from analysis.dynamics.seeding import seeded
from tests.analysis.attribution.nets import Call, small_net

MEAN = torch.tensor([0.4, 0.5, 0.6], dtype=torch.float64)[:, None, None]
DEVIATION = torch.tensor([0.2, 0.25, 0.3], dtype=torch.float64)[:, None, None]
BOX = torch.stack([torch.zeros(3, 12, 12), torch.ones(3, 12, 12)]).double()
SCALE = (BOX - MEAN) / DEVIATION


def pixels(images: int = 4, low: float = 0.0, high: float = 1.0) -> Tensor:
    drawn = torch.rand(images, 3, 12, 12, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return low + (high - low) * drawn


def seen(picture: Tensor) -> Tensor:
    return (picture - MEAN) / DEVIATION


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_net(outputs: int = 2) -> nn.Module:
    with seeded("cpu", 2):
        return nn.Sequential(nn.Flatten(), nn.Linear(432, outputs)).double().requires_grad_(False)


def weights(net: nn.Module) -> Tensor:
    """Of a linear net, in pixels."""
    return net.get_parameter("1.weight").view(-1, 3, 12, 12) / DEVIATION


def margin_slope(net: nn.Module, classes: Tensor) -> Tensor:
    """Of two logits: the gradient of the other less the own, in pixels."""
    return torch.where(classes == 0, 1.0, -1.0).view(-1, 1, 1, 1) * (weights(net)[1] - weights(net)[0])


ATTACKS: dict[str, Callable[..., Adversarial]] = {
    "fgsm": lambda net, images, scale, **aim: fgsm(net, images, scale, 0.03, **aim),
    "linf": lambda net, images, scale, **aim: pgd(net, images, scale, 0.03, generator(), steps=5, **aim),
    "l2": lambda net, images, scale, **aim: pgd(net, images, scale, 0.3, generator(), norm="l2", steps=5, **aim),
    "deepfool": deepfool,
}


@pytest.mark.parametrize("random", [True, False])
def test_the_worst_of_a_linear_net_in_either_ball(random: bool) -> None:
    """epsilon by the signs of the weights, or epsilon along them: nothing in the ball lowers the margin further."""
    net, picture, start = linear_net(), pixels(4, 0.3, 0.7), generator() if random else None
    slope = margin_slope(net, net(seen(picture)).argmax(1))
    square = fgsm(net, seen(picture), SCALE, 0.1)
    torch.testing.assert_close(square.perturbations, 0.1 * slope.sign(), rtol=0, atol=1e-12)
    projected = pgd(net, seen(picture), SCALE, 0.1, start, steps=10)
    torch.testing.assert_close(projected.perturbations, 0.1 * slope.sign(), rtol=0, atol=1e-12)
    ball = pgd(net, seen(picture), SCALE, 0.5, start, norm="l2", steps=100, rate=0.1)
    along = 0.5 * slope / slope.flatten(1).norm(dim=1)[:, None, None, None]
    torch.testing.assert_close(ball.perturbations, along, rtol=0, atol=1e-6)


def test_targets_are_reached_along_their_own_odds() -> None:
    net, picture = linear_net(3), pixels(3, 0.3, 0.7)
    targets = (net(seen(picture)).argmax(1) + 1) % 3
    leaf = seen(picture).requires_grad_()
    (uphill,) = torch.autograd.grad(nn.functional.cross_entropy(net(leaf), targets, reduction="sum"), leaf)
    found = fgsm(net, seen(picture), SCALE, 0.05, targets=targets)
    torch.testing.assert_close(found.perturbations, -0.05 * uphill.sign(), rtol=0, atol=1e-12)
    far = pgd(net, seen(picture), SCALE, 0.1, steps=10, targets=targets)
    assert far.success.all()
    assert torch.equal(far.after, targets)
    near = pgd(net, seen(picture), SCALE, 1e-6, steps=2, targets=targets)
    assert not near.success.any()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_numbers_are_those_of_the_samples(attack: Callable[..., Adversarial]) -> None:
    net, picture = small_net(), pixels()
    found = attack(net, seen(picture), SCALE)
    moved = found.images * DEVIATION + MEAN
    torch.testing.assert_close(found.perturbations, moved - picture, rtol=0, atol=1e-12)
    assert found.perturbations.any()
    assert moved.min() > -1e-12
    assert moved.max() < 1 + 1e-12
    torch.testing.assert_close(found.linf, (moved - picture).abs().amax((1, 2, 3)), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.l2, (moved - picture).square().sum((1, 2, 3)).sqrt())
    before, after = net(seen(picture)).detach(), net(found.images).detach()
    assert torch.equal(found.before, before.argmax(1))
    assert torch.equal(found.after, after.argmax(1))
    torch.testing.assert_close(found.confidence_before, before.softmax(1).amax(1))
    torch.testing.assert_close(found.confidence_after, after.softmax(1).amax(1))
    assert torch.equal(found.success, found.before != found.after)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_does_not_depend_on_how_a_network_normalizes(attack: Callable[..., Adversarial]) -> None:
    net, picture = small_net(), pixels()
    normalizing = nn.Sequential(Call(seen), net)
    a, b = attack(net, seen(picture), SCALE), attack(normalizing, picture, BOX)
    torch.testing.assert_close(a.perturbations, b.perturbations, rtol=0, atol=1e-9)
    upside_down = nn.Sequential(Call(lambda x: seen(1 - x)), net)
    c = attack(upside_down, 1 - picture, BOX.flip(0))
    torch.testing.assert_close(a.perturbations, c.perturbations, rtol=0, atol=1e-9)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_first_images_of_a_batch_are_those_of_a_smaller_batch(attack: Callable[..., Adversarial]) -> None:
    net, picture = small_net(), pixels()
    whole, part = attack(net, seen(picture), SCALE), attack(net, seen(picture)[:2], SCALE)
    torch.testing.assert_close(whole.images[:2], part.images, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.03), ("l2", 0.3)])
def test_pgd_stays_in_its_ball_and_repeats_by_its_seed(norm: Any, epsilon: float) -> None:
    net, images = small_net(), seen(pixels())

    def run(seed: int, steps: int = 7) -> Adversarial:
        return pgd(net, images, SCALE, epsilon, generator(seed), norm=norm, steps=steps, rate=epsilon)

    found = run(0)
    assert (getattr(found, norm) <= epsilon * (1 + 1e-12)).all()
    assert (getattr(found, norm) > 0.9 * epsilon).all()
    assert torch.equal(run(0).images, found.images)
    assert not torch.equal(run(1, steps=1).images, run(0, steps=1).images)


def test_random_starts_are_uniform_in_their_ball() -> None:
    """The share within half the radius is 2^-dimensions; no direction is preferred."""
    for norm in ("linf", "l2"):
        drawn = in_unit_ball(torch.zeros(20_000, 1, 1, 3, dtype=torch.float64), norm, generator())[:, 0, 0]
        length = drawn.abs().amax(1) if norm == "linf" else drawn.norm(dim=1)
        assert length.max() <= 1
        for radius in (0.5, 0.8):
            assert float((length < radius).double().mean()) == pytest.approx(radius**3, abs=0.012)
        assert drawn.mean(0).abs().max() < 0.012


def test_epsilon_0_leaves_the_images_alone() -> None:
    net, images = small_net(), seen(pixels())
    for found in (fgsm(net, images, SCALE, 0.0), pgd(net, images, SCALE, 0.0, generator())):
        assert not found.perturbations.any()
        assert not found.success.any()


def test_true_classes_count_errors_as_successes_and_are_what_is_left() -> None:
    net, images = linear_net(), seen(pixels())
    wrong = 1 - net(images).argmax(1)
    assert fgsm(net, images, SCALE, 0.0, classes=wrong).success.all()
    away = fgsm(net, images, SCALE, 0.1, classes=wrong)
    assert torch.equal(away.before, away.after)
    assert (away.confidence_after > away.confidence_before).all()


def test_a_network_that_is_sure_is_attacked_all_the_same() -> None:
    """In float32 the cross-entropy's gradient is 0 here, and its sign is no direction."""
    net, picture = linear_net(), pixels(4, 0.3, 0.7)
    net.get_parameter("1.weight").mul_(1e4)
    sure, images, scale = net.float(), seen(picture).float(), SCALE.float()
    leaf = images.clone().requires_grad_()
    (uphill,) = torch.autograd.grad(nn.functional.cross_entropy(sure(leaf), sure(images).argmax(1)), leaf)
    assert not uphill.any()
    assert pgd(sure, images, scale, 0.1, steps=5).success.all()
    assert pgd(sure, images, scale, 1.5, norm="l2", steps=5).success.all()


def test_log_odds() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [500.0, 0.0, -500.0]], dtype=torch.float64)
    odds = log_odds(logits, torch.tensor([1, 0]))
    p = logits.softmax(1)[0, 1]
    torch.testing.assert_close(odds[0], (p / (1 - p)).log())
    assert odds[1] == 500
    with pytest.raises(ValueError, match=r"^The probability of a class needs at least 2 classes, there is 1.$"):
        log_odds(logits[:, :1], torch.tensor([0, 0]))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_padded_border_is_not_touched(attack: Callable[..., Adversarial]) -> None:
    scale, images = SCALE.clone(), seen(pixels())
    scale[:, :, :2], images[:, :, :2] = 0.0, 0.0
    found = attack(small_net(), images, scale)
    assert not found.images[:, :, :2].any()
    assert not found.perturbations[:, :, :2].any()
    assert found.perturbations[:, :, 2:].any()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_network_stays_as_it_was(attack: Callable[..., Adversarial]) -> None:
    net = small_net().train()
    before = copy.deepcopy(net.state_dict())
    attack(net, seen(pixels(2)), SCALE)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(module.training for module in net.modules())


@pytest.mark.gpu
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_on_a_gpu_as_on_the_cpu(attack: Callable[..., Adversarial]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    images, classes = seen(pixels()), torch.tensor([0, 1, 2, 3])
    for aim in ({}, {"targets": classes}) if attack is not deepfool else ({},):
        here = attack(small_net(), images, SCALE, **aim)
        there = attack(small_net().cuda(), images.cuda(), SCALE.cuda(), **aim)
        assert there.images.is_cuda
        torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=1e-6)
        assert torch.equal(there.success.cpu(), here.success)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x: fgsm(net, x, SCALE, -0.1), r"^epsilon is -0.1: give at least 0, in units of the pixel range.$"),
        (lambda net, x: pgd(net, x, SCALE, 0.1, steps=0), r"^steps is 0: give at least one step.$"),
        (lambda net, x: fgsm(net, x, BOX, 0.1), r"^The images reach from -2 to 2 where black is 0 and white 1: give"),
        (
            lambda net, x: PixelRange(SCALE[:, :, 1:]).pixels(x),
            r"^The images are 3 x 12 x 12 and black and white 3 x 11",
        ),
        (
            lambda net, x: fgsm(net, x, SCALE, 0.1, classes=torch.zeros(4, dtype=torch.int64), targets=torch.arange(4)),
            r"^Give classes to get away from or targets to reach, not both.$",
        ),
        (
            lambda net, x: fgsm(net, x, SCALE, 0.1, targets=torch.tensor([0, 1, 2, 4])),
            r"^The classes are \[0, 1, 2, 4\]: give 4 of them, from 0 to 3.$",
        ),
        (
            lambda net, x: fgsm(net, x, SCALE, 0.1, classes=torch.tensor([0, 1])),
            r"^The classes are \[0, 1\]: give 4 of them, from 0 to 3.$",
        ),
        (lambda net, x: fgsm(net[:5], x, SCALE, 0.1), r"^The network gives maps or tokens: adversarial samples need"),
        (lambda net, x: deepfool(net, x, SCALE, candidates=1), r"^candidates is 1 and steps 50: give at least 2"),
    ],
)
def test_what_does_not_fit_is_named(call: Callable[[nn.Module, Tensor], Any], message: str) -> None:
    picture = pixels()
    picture[0, 0, 0, 0], picture[0, 0, 0, 1] = 0.0, 0.8
    with pytest.raises(ValueError, match=message):
        call(small_net(), seen(picture).clamp(-2, 2))
