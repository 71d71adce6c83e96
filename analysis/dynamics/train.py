"""One seeded, deterministic training loop; masks of gradients or weights and schedules plug in as hooks.

Same net, images, options, threads and processor: same bits. Every random number comes from a stream named by
(seed, epoch), so a run stopped at an epoch's end and resumed from its `TrainState` gives the bits of an uninterrupted
one, and the caller's generators stay as they were.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.dynamics.objective import Objective, classification
from analysis.dynamics.recipe import TrainOptions, learning_rate
from analysis.dynamics.seeding import seeded, stream

Augment = Callable[[Tensor, torch.Generator], Tensor]


class DivergedError(ArithmeticError):
    """The loss stopped being a finite number; the message has the step; weights stay as the step before left them."""


class Hook:
    """What may be plugged into every step (counted from 0 over the whole run): override any of the methods."""

    def before_forward(self, net: nn.Module, step: int) -> None:
        """Before the batch goes through the net."""

    def after_backward(self, net: nn.Module, step: int) -> None:
        """Gradients are there and may be masked or read."""

    def after_step(self, net: nn.Module, step: int) -> None:
        """Weights have moved and may be masked or read."""

    def learning_rate(self, step: int, total: int) -> float | None:
        """A rate in place of the schedule's, or None; the last hook that gives one wins."""
        return None


def _empty() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True)
class Curves:
    """The objective's loss (nats) and accuracy (0 to 1), float64, entry e after e + 1 epochs.

    On the training images they are means over the epoch's batches as they were met; the last two are empty without
    test images.
    """

    train_loss: np.ndarray = field(default_factory=_empty)
    train_accuracy: np.ndarray = field(default_factory=_empty)
    test_loss: np.ndarray = field(default_factory=_empty)
    test_accuracy: np.ndarray = field(default_factory=_empty)

    def extended(self, train: tuple[float, float], test: tuple[float, float] | None) -> "Curves":
        """These curves with one more epoch."""
        row = (*train, *(test or ()))
        longer = [np.append(curve, value) for curve, value in zip(astuple(self), row, strict=False)]
        return Curves(*longer)


@dataclass(frozen=True)
class TrainState:
    """All that a later call needs to go on bit for bit after `epoch` epochs; tensors are copies on the CPU."""

    epoch: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    curves: Curves


def train(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    options: TrainOptions,
    *,
    objective: Objective = classification,
    test: tuple[Tensor, Tensor] | None = None,
    augment: Augment | None = None,
    hooks: Sequence[Hook] = (),
    on_epoch: Callable[[TrainState], None] | None = None,
    state: TrainState | None = None,
) -> Curves:
    """Train `net` in place, by default by cross-entropy, on its own device, and leave it in eval mode.

    images: (N, ...) float; labels: (N,) int64 in 0..classes-1, or what `objective` expects; test: the same pair.
    augment: (batch, generator) to batch; it may also draw from torch's global generator, seeded here for the epoch.
    on_epoch: called before the first epoch (epoch 0) and after each. state: where an equal run stopped.
    Raises ValueError for no images or unequal lengths, DivergedError where the loss is not finite, and the objective's
    errors: NoLogitsError for another kind of output.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels; expected as many of both, at least one")
    optimizer = _optimizer(net, options)
    if state:
        net.load_state_dict(state.weights)
        optimizer.load_state_dict(copy.deepcopy(state.optimizer))  # the tensors inside are updated in place
    elif on_epoch:
        on_epoch(_snapshot(0, net, optimizer, Curves()))
    start, curves = (state.epoch, state.curves) if state else (0, Curves())
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        for epoch in range(start, options.epochs):
            with seeded(_device(net), options.seed, epoch):
                met = _epoch(net, optimizer, images, labels, options, epoch, objective, augment, hooks)
            scores = evaluate(net, *test, batch=options.batch, objective=objective) if test else None
            curves = curves.extended(met, scores)
            if on_epoch:
                on_epoch(_snapshot(epoch + 1, net, optimizer, curves))
    net.eval()
    return curves


@torch.no_grad()
def evaluate(
    net: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 256, objective: Objective = classification
) -> tuple[float, float]:
    """Mean loss in nats and accuracy in 0..1 of `net` in eval mode; its own mode is put back."""
    training, device = net.training, _device(net)
    net.eval()
    loss_sum, right = 0.0, 0.0
    for part, target in zip(images.split(batch), labels.split(batch), strict=True):
        loss, hits = objective(net, part.to(device), target.to(device))
        loss_sum += loss.item() * len(part)
        right += hits.item()
    net.train(training)
    return loss_sum / len(labels), right / len(labels)


def _epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    options: TrainOptions,
    epoch: int,
    objective: Objective,
    augment: Augment | None,
    hooks: Sequence[Hook],
) -> tuple[float, float]:
    """One pass in a drawn order: mean loss and accuracy over its images."""
    device, generator = _device(net), torch.Generator().manual_seed(stream(options.seed, epoch, 1))
    count = math.ceil(len(images) / options.batch)
    loss_sum, right = 0.0, 0.0
    net.train()
    # Steps of equal size: a last batch of one image would break batch norm.
    for number, rows in enumerate(torch.randperm(len(images), generator=generator).tensor_split(count)):
        step = epoch * count + number
        batch = augment(images[rows], generator) if augment else images[rows]
        _set_rate(optimizer, options, hooks, step, count * options.epochs)
        loss, hits = _step(net, optimizer, batch.to(device), labels[rows].to(device), objective, hooks, step)
        loss_sum += loss * len(rows)
        right += hits
    return loss_sum / len(images), right / len(images)


def _step(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Tensor,
    target: Tensor,
    objective: Objective,
    hooks: Sequence[Hook],
    step: int,
) -> tuple[float, float]:
    """Forward, backward, update: the batch's mean loss and number of right answers."""
    for hook in hooks:
        hook.before_forward(net, step)
    optimizer.zero_grad(set_to_none=True)
    loss, hits = objective(net, batch, target)
    value = loss.item()
    if not math.isfinite(value):
        raise DivergedError(f"the loss is {value} at step {step}")
    loss.backward()
    for hook in hooks:
        hook.after_backward(net, step)
    optimizer.step()
    for hook in hooks:
        hook.after_step(net, step)
    return value, hits.item()


def _set_rate(
    optimizer: torch.optim.Optimizer, options: TrainOptions, hooks: Sequence[Hook], step: int, total: int
) -> None:
    given = [rate for hook in hooks if (rate := hook.learning_rate(step, total)) is not None]
    rate = given[-1] if given else learning_rate(options, step, total)
    for group in optimizer.param_groups:
        group["lr"] = rate


def _optimizer(net: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    rate, decay = options.peak, options.weight_decay
    if options.optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    return torch.optim.SGD(net.parameters(), lr=rate, momentum=options.momentum, weight_decay=decay)


def _snapshot(epoch: int, net: nn.Module, optimizer: torch.optim.Optimizer, curves: Curves) -> TrainState:
    weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in net.state_dict().items()}
    return TrainState(epoch, weights, _on_cpu(optimizer.state_dict()), curves)


def _on_cpu(value: Any) -> Any:
    """A copy of nested lists and dicts with every tensor copied to the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    return [_on_cpu(inner) for inner in value] if isinstance(value, list) else value


def _device(net: nn.Module) -> torch.device:
    return next(net.parameters()).device
