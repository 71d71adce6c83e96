"""The loop: equal bits for equal seeds, exact resumption, hooks in their order, and one step against a formula."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.recipe import Optimizer, TrainOptions
from analysis.dynamics.seeding import seeded
from analysis.dynamics.train import Curves, DivergedError, Hook, TrainState, evaluate, train

SHORT = TrainOptions(seed=3, epochs=3, batch=8)


def small_net() -> nn.Module:
    """With batch norm, dropout and two classes of parameters; always the same first weights."""
    with seeded("cpu", 0):
        layers = OrderedDict(fc1=nn.Linear(6, 10), bn=nn.BatchNorm1d(10), relu=nn.ReLU(), drop=nn.Dropout(0.3))
        return nn.Sequential(OrderedDict(layers, fc2=nn.Linear(10, 3)))


def points(count: int = 41) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    x = torch.randn(count, 6, generator=generator)
    return x, x[:, :3].argmax(1)


def noisy(batch: Tensor, generator: torch.Generator) -> Tensor:
    return batch + 0.1 * torch.randn(batch.shape, generator=generator) + 0.1 * torch.randn_like(batch)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def same_curves(one: Curves, other: Curves) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Curves.__dataclass_fields__)


def test_same_seed_same_bits_and_other_seed_other_bits() -> None:
    nets = [small_net() for _ in range(3)]
    curves = [train(net, *points(), TrainOptions(seed=s, epochs=3)) for net, s in zip(nets, [1, 1, 2], strict=True)]
    assert same_weights(nets[0], nets[1])
    assert same_curves(curves[0], curves[1])
    assert not same_weights(nets[0], nets[2])


def test_the_callers_generators_neither_matter_nor_move() -> None:
    results = []
    for number in (1, 2):
        torch.manual_seed(number)
        before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
        results.append(small_net())
        train(results[-1], *points(), SHORT, augment=noisy)
        assert torch.equal(torch.get_rng_state(), before)
        np.testing.assert_array_equal(np.random.get_state()[1], legacy)  # type: ignore[index]
    assert same_weights(*results)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_resumed_at_any_epoch_gives_the_bits_of_an_uninterrupted_run(optimizer: Optimizer) -> None:
    options = TrainOptions(seed=5, epochs=4, batch=8, optimizer=optimizer, warmup=1)
    states: list[TrainState] = []
    whole = small_net()
    curves = train(whole, *points(), options, test=points(9), augment=noisy, on_epoch=states.append)
    assert [state.epoch for state in states] == [0, 1, 2, 3, 4]
    for state in states:
        resumed = small_net()
        again = train(resumed, *points(), options, test=points(9), augment=noisy, state=state)
        assert same_weights(resumed, whole)
        assert same_curves(again, curves)


def test_states_are_copies() -> None:
    states: list[TrainState] = []
    net = small_net()
    first = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    train(net, *points(), SHORT, on_epoch=states.append)
    assert all(torch.equal(states[0].weights[name], tensor) for name, tensor in first.items())
    assert all(torch.equal(states[-1].weights[name], tensor) for name, tensor in net.state_dict().items())
    assert not torch.equal(states[1].weights["fc1.weight"], states[2].weights["fc1.weight"])


def test_one_step_is_gradient_descent_on_the_softmax_formula() -> None:
    x, y = points(20)
    net = nn.Linear(6, 3).double()
    weight = net.weight.detach().numpy().copy()
    logits = x.double().numpy() @ weight.T + net.bias.detach().numpy()
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope = (share - np.eye(3)[y]).T @ x.double().numpy() / 20
    loss = -np.log(share[np.arange(20), y]).mean()
    options = TrainOptions(epochs=1, batch=20, learning_rate=0.7, weight_decay=0.01, schedule="constant")
    curves = train(net, x.double(), y, options)
    np.testing.assert_allclose(net.weight.detach(), weight - 0.7 * (slope + 0.01 * weight), rtol=1e-12, atol=1e-14)
    assert curves.train_loss[0] == pytest.approx(loss, rel=1e-12)
    assert curves.train_accuracy[0] == (logits.argmax(1) == y.numpy()).mean()
    assert len(curves.test_loss) == len(curves.test_accuracy) == 0


class Recorder(Hook):
    """Remembers what was called and, where asked, stops the weights from moving."""

    def __init__(self, rate: float | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self.rate = rate

    def before_forward(self, net: nn.Module, step: int) -> None:
        self.calls.append(("before_forward", step))

    def after_backward(self, net: nn.Module, step: int) -> None:
        assert all(parameter.grad is not None for parameter in net.parameters())
        self.calls.append(("after_backward", step))

    def after_step(self, net: nn.Module, step: int) -> None:
        self.calls.append(("after_step", step))

    def learning_rate(self, step: int, total: int) -> float | None:
        assert total == 18
        return self.rate


def test_hooks_are_called_in_order_over_the_whole_run() -> None:
    recorder = Recorder()
    train(small_net(), *points(), SHORT, hooks=[recorder])
    names = ("before_forward", "after_backward", "after_step")
    assert recorder.calls == [(name, step) for step in range(18) for name in names]


def test_the_last_hook_with_a_rate_sets_it() -> None:
    net = small_net()
    before = net.state_dict()["fc1.weight"].clone()
    train(net, *points(), SHORT, hooks=[Recorder(0.1), Recorder(0.0), Recorder(None)])
    assert torch.equal(net.state_dict()["fc1.weight"], before)


class Freeze(Hook):
    """A gradient mask on fc1."""

    def after_backward(self, net: nn.Module, step: int) -> None:
        net.get_parameter("fc1.weight").grad = None


class Prune(Hook):
    """A weight mask on fc2: its first row stays zero."""

    def after_step(self, net: nn.Module, step: int) -> None:
        with torch.no_grad():
            net.get_parameter("fc2.weight")[0] = 0


def test_masks_of_gradients_and_weights_hold() -> None:
    net = small_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    train(net, *points(), SHORT, hooks=[Freeze(), Prune()])
    after = net.state_dict()
    assert torch.equal(after["fc1.weight"], before["fc1.weight"])
    assert not torch.equal(after["fc1.bias"], before["fc1.bias"])
    assert torch.count_nonzero(after["fc2.weight"][0]) == 0
    assert torch.count_nonzero(after["fc2.weight"][1:]) == after["fc2.weight"][1:].numel()


def test_no_step_is_left_with_one_image() -> None:
    sizes: list[int] = []

    def seen(batch: Tensor, generator: torch.Generator) -> Tensor:
        sizes.append(len(batch))
        return batch

    # Batch norm on vectors refuses a batch of one, which 65 = 64 + 1 would leave.
    train(small_net(), *points(65), TrainOptions(epochs=1, batch=64), augment=seen)
    assert sizes == [33, 32]


def test_a_loss_that_is_not_finite_names_its_step_and_leaves_the_weights() -> None:
    x, y = points()
    net = small_net()
    before = net.state_dict()["fc1.weight"].clone()
    with pytest.raises(DivergedError, match="the loss is nan at step 0"):
        train(net, x * float("nan"), y, SHORT)
    assert torch.equal(net.state_dict()["fc1.weight"], before)


def test_images_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="41 images and 40 labels"):
        train(small_net(), points()[0], points()[1][:-1], SHORT)
    with pytest.raises(ValueError, match="0 images"):
        train(small_net(), torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64), SHORT)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_does_not_depend_on_the_batch_and_puts_the_mode_back(training: bool) -> None:
    x, y = points()
    net = small_net().train(training)
    loss, accuracy = evaluate(net, x, y, batch=7)
    assert net.training is training
    logits = net.eval()(x)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, y).item(), rel=1e-6)
    assert accuracy == int((logits.argmax(1) == y).sum()) / len(y)


def test_test_curves_score_the_weights_after_each_epoch() -> None:
    net = small_net()
    curves = train(net, *points(), SHORT, test=points(30))
    assert not net.training
    assert (curves.test_loss[-1], curves.test_accuracy[-1]) == evaluate(net, *points(30), batch=SHORT.batch)
    assert len(curves.test_loss) == 3
