"""A task of `project`: inputs of layers gathered, directions found by every method, the network through each."""

import copy
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from analysis.compression.directions import Method, Rows, at_random, by_activity, by_variance, shared
from analysis.compression.projection import cost, projected
from analysis.dynamics.train import evaluate
from jobs.errors import UserError
from jobs.evenly import evenly
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.project.step import Project
    from jobs.views import Views

BATCH = 256
POSITIONS = 16
"""Positions of a map that count of each image, the same in both networks: neighbors say little that is new."""

TIMES = 5
"""Forward passes of which the fastest counts."""


@dataclass(frozen=True)
class Inputs:
    """What a layer reads, and what it is compared with: a sample a row, float64."""

    x: np.ndarray
    y: np.ndarray | None
    """Of the other network's layer, at the same positions."""
    means: np.ndarray
    """The mean over positions of each image, which logits are compared with."""
    logits: np.ndarray


def projected_accuracies(step: "Project", net: str, layers: Sequence[str], plan: "Plan", views: "Views") -> Arrays:
    """accuracy, parameters, multiply_adds and seconds by method and share, and the same of the network as it is."""
    options, module = step.options, views.net(net)
    data = views.training_data(net, options.train, "steps.project.train")
    fit = data.train.images[: options.fit]
    other = views.net(options.other) if options.other else None
    found = {layer: _inputs(module, other, layer, fit) for layer in layers}
    test = data.test.images[: options.test], data.test.labels[: options.test]
    rows = [_measured(module, test)]
    for method in options.methods:
        chosen = {layer: _directions(step, method, layer, inputs) for layer, inputs in found.items()}
        for share in options.kept:
            smaller = copy.deepcopy(module)
            for layer, directions in chosen.items():
                count = max(1, round(share * len(directions)))
                pair = projected(
                    module.get_submodule(layer), torch.from_numpy(directions[:count]),
                    torch.from_numpy(found[layer].x.mean(0)),
                )  # fmt: skip
                smaller.set_submodule(layer, pair)
            rows.append(_measured(smaller, test))
    table = np.array(rows)
    shape = (len(options.methods), len(options.kept), table.shape[1])
    return {"dense": table[0], "projected": table[1:].reshape(shape)}


def _measured(net: nn.Module, test: tuple[Tensor, Tensor]) -> tuple[float, int, int, float]:
    """Accuracy, parameters, multiply-adds an image, seconds of a batch."""
    size = cost(net, tuple(test[0].shape[1:]))
    seconds = []
    with torch.no_grad():
        for _ in range(TIMES):
            began = time.perf_counter()
            net(test[0][:BATCH])
            seconds.append(time.perf_counter() - began)
    return evaluate(net, *test)[1], size.parameters, size.multiply_adds, min(seconds)


def _directions(step: "Project", method: Method, layer: str, inputs: Inputs) -> Rows:
    x = inputs.x - inputs.x.mean(0)
    covariance = x.T @ x / len(x)
    if method == "pca":
        return by_variance(covariance)
    if method == "active":
        return by_activity(covariance, inputs.x.mean(0))
    if method == "random":
        return at_random(x.shape[1], np.random.default_rng(step.seed))
    if method == "logits":
        x, y = inputs.means - inputs.means.mean(0), inputs.logits
    else:
        assert inputs.y is not None
        y = inputs.y
    y = y - y.mean(0)
    try:
        return shared(x.T @ x / len(x), y.T @ y / len(y), x.T @ y / len(x), len(x), step.options.variance)
    except ValueError as error:
        raise UserError(f"steps.project.fit: {layer}: {error} Raise steps.project.fit.") from error


@torch.no_grad()
def _inputs(net: nn.Module, other: nn.Module | None, layer: str, images: Tensor) -> Inputs:
    own, others, means, logits = [], [], [], []
    for batch in images.split(BATCH):
        maps, output = _read(net, layer, batch)
        own.append(_samples(maps))
        means.append(maps.flatten(2).mean(2).double().numpy())
        logits.append(output.double().numpy())
        if other is not None:
            others.append(_samples(_read(other, layer, batch)[0]))
    y = np.concatenate(others) if others else None
    return Inputs(np.concatenate(own), y, np.concatenate(means), np.concatenate(logits))


def _read(net: nn.Module, layer: str, batch: Tensor) -> tuple[Tensor, Tensor]:
    """What the layer is given, (images, channels, positions...), and the logits."""
    taken: list[Tensor] = []
    with ExitStack() as stack:
        hook = net.get_submodule(layer).register_forward_pre_hook(lambda _, given: taken.append(given[0].clone()))
        stack.callback(hook.remove)
        output = net(batch)
    maps = taken[0]
    return (maps if maps.ndim > 2 else maps[:, :, None]), output


def _samples(maps: Tensor) -> np.ndarray:
    """(samples, channels): some positions of every image, evenly over the map."""
    flat = maps.flatten(2)
    return flat[:, :, evenly(flat.shape[2], POSITIONS)].permute(0, 2, 1).flatten(0, 1).double().numpy()
