"""Layers through one training against layers at its end, by SVCCA at the center of every map (arXiv:1706.05806)."""

import copy
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.activations import complete, recorded
from analysis.comoments import Accumulator, Comoments, Pair
from analysis.dynamics.freeze import layer_groups
from analysis.evaluating import evaluating
from analysis.positions import samples
from analysis.similarity.joint import Joint, with_norm
from jobs.errors import UserError
from jobs.evenly import evenly
from jobs.plan import GROUPS
from jobs.retraining import Retrained
from jobs.steps.pair_scores import Truncation, pair_score
from jobs.steps.step import Arrays
from jobs.steps.subjects import Subject

BATCH = 250
THEN, END = "then", "end"


def pane_layers(net: nn.Module, image: Float[Tensor, "one channels height width"]) -> list[str]:
    """Of every layer with weights its last module whose output is one map or vector of units, in order.

    UserError where there is none.
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def noted(name: str) -> None:
        def note(_module: nn.Module, _given: object, output: object) -> None:
            shapes[name] = tuple(output.shape) if isinstance(output, Tensor) else ()

        handles.append(net.get_submodule(name).register_forward_hook(note))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    groups = layer_groups(net)
    for name in (name for group in groups for name in group if name):
        noted(name)
    with torch.no_grad(), evaluating(net):
        net(image)
    for handle in handles:
        handle.remove()
    seen = [[name for name in group if len(shapes.get(name, ())) in (2, 4)] for group in groups]
    if not any(seen):
        raise UserError("steps.freeze.nets: no layer gives a map or a vector of units to show; leave the network out.")
    return [group[-1] for group in seen if group]


def through_training(found: Retrained, layers: list[str], subject: Subject, images: int, draws: int) -> Arrays:
    """SVCCA of every layer at every checkpoint with every layer at the end over test images, with interval and floor:
    `similarity` (time, layer_then, layer_end, 4), `kept` directions (.., 2), `samples`; NaN for too few images."""
    test = subject.data.test.images
    test = test[evenly(len(test), images)]
    end = centers(found.net, layers, test)
    scores = []
    for weights in found.checkpoints.values():
        net = copy.deepcopy(found.net)
        net.load_state_dict(weights)
        scores.append(pane(centers(net, layers, test), end, layers, draws))
    return {name: np.array([score[name] for score in scores]) for name in scores[0]}


def pane(then: dict[str, Tensor], end: dict[str, Tensor], layers: list[str], draws: int) -> Arrays:
    """Every layer then with every layer at the end."""
    sums = _sums(then, end, layers)
    generator = np.random.default_rng(0)
    size = len(layers)
    found = {"similarity": np.full((size, size, 4), np.nan), "kept": np.zeros((size, size, 2), np.int64),
             "samples": np.zeros((size, size))}  # fmt: skip
    for at in np.ndindex(size, size):
        x, y = f"{THEN} {layers[at[0]]}", f"{END} {layers[at[1]]}"
        joint = Joint(sums[Pair(x, x)], sums[Pair(y, y)], sums[Pair(x, y)])
        floor = Joint(joint.x.total(), joint.y.total(), sums[Pair(x, y, True)])
        score = pair_score("svcca", joint, floor, Truncation(), draws, generator)
        found["similarity"][at], found["kept"][at], found["samples"][at] = score.estimate, score.kept, score.samples
    return found


@torch.no_grad()
def centers(net: nn.Module, layers: list[str], images: Tensor) -> dict[str, Float[Tensor, "images one units"]]:
    """Outputs of layers at the center of their maps."""
    takes = dict.fromkeys(layers, partial(samples, policy="center"))
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    with evaluating(net), recorded(net, takes) as outputs:
        for batch in images.split(BATCH):
            net(batch)
            for layer, values in complete(outputs, takes).items():
                parts[layer].append(values)
    return {layer: torch.cat(parts[layer]) for layer in layers}


def _sums(then: dict[str, Tensor], end: dict[str, Tensor], layers: list[str]) -> dict[Pair, Comoments]:
    named = {f"{THEN} {layer}": then[layer] for layer in layers} | {f"{END} {layer}": end[layer] for layer in layers}
    pivots = {name: np.append(values.double().mean((0, 1)).numpy(), 0.0) for name, values in named.items()}
    pairs = {Pair(name, name): GROUPS for name in named}
    for x in layers:
        for y in layers:
            pairs |= {Pair(f"{THEN} {x}", f"{END} {y}"): GROUPS, Pair(f"{THEN} {x}", f"{END} {y}", True): 1}
    sums = Accumulator(pairs, pivots)
    given = {name: with_norm(values, pivots[name][:-1]) for name, values in named.items()}
    images = len(next(iter(given.values())))
    sums.add(given, np.arange(images) * GROUPS // images)
    return sums.comoments()
