"""What is drawn of a net in the plane: lines, classes and probabilities at each checkpoint, points, accuracies."""

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import nn

from analysis.dynamics.train import evaluate
from analysis.units.decision_lines import Box, class_probabilities, class_regions, decision_lines
from jobs.errors import UserError
from jobs.images.source import Entry, Source
from jobs.nets.samples import Samples, decode
from jobs.networks import training_set

if TYPE_CHECKING:
    from jobs.steps.decision_lines.step import DecisionLinesOptions
    from jobs.views import Views

SETS = ("train", "test")


def of_net(name: str, numbers: tuple[int, ...], options: "DecisionLinesOptions", views: "Views") -> xr.Dataset:
    """Everything about one network; a pane is a checkpoint. UserError where it has not one hidden layer."""
    train, test = points_of(name, views)
    box = around(train.images.flatten(1).numpy(), options.margin)
    nets = [views.net(views.plan.checkpoints_of(name)[number]) for number in numbers]
    hidden = [hidden_layer(name, net) for net in nets]
    weights, bias = (np.stack(part) for part in zip(*hidden, strict=True))
    scores = [[_accuracy(net, points) for points in (train, test)] for net in nets]
    regions = np.stack([class_regions(net, box, options.resolution) for net in nets])
    shares = np.stack([class_probabilities(net, box, options.resolution) for net in nets])
    centers = box.centers(options.resolution)
    return xr.Dataset(
        {
            "weights": (("pane", "unit", "axis"), weights), "bias": (("pane", "unit"), bias),
            "lines": (
                ("pane", "unit", "end", "axis"),
                np.stack([decision_lines(w, b, box) for w, b in zip(weights, bias, strict=True)]),
            ),
            "regions": (("pane", "y", "x"), regions.astype(np.int16)),
            "probabilities": (("pane", "y", "x", "class"), shares.astype(np.float32)),
            "points": (("point", "axis"), train.images.flatten(1).numpy()), "label": ("point", train.labels.numpy()),
            "accuracy": (("pane", "set"), np.array(scores)),
        },
        coords={"pane": list(numbers), "axis": ["x", "y"], "set": list(SETS), "x": centers[0, :, 0],
                "y": centers[:, 0, 1]},
        attrs={"net": name, "counted": _counted(name, len(train.labels), views), "own_points": _has_own(name, views),
               "box": [box.left, box.right, box.bottom, box.top]},
    )  # fmt: skip


def points_of(name: str, views: "Views") -> tuple[Samples, Samples | None]:
    """Training and test points as the network sees them; of one that was not trained here, the study's own and none."""
    inputs = views.inputs
    if inputs.study.net_of(name).train is None:
        return _decoded(name, inputs.source, views.manifest.entries, views), None
    data = training_set(inputs, name)
    test = _decoded(name, data.test_source, data.test, views) if data.test_source and data.test else None
    return _decoded(name, data.source, data.train, views), test


def hidden_layer(name: str, net: nn.Module) -> tuple[Float[np.ndarray, "units 2"], Float[np.ndarray, " units"]]:
    """Weights and biases of the only hidden layer; UserError for a net of any other class."""
    passing = (nn.Flatten, nn.Identity, nn.Dropout)
    layers = [part for part in net.modules() if not list(part.children()) and not isinstance(part, passing)]
    kinds = [type(layer).__name__ for layer in layers]
    if kinds != ["Linear", "ReLU", "Linear"] or layers[0].in_features != 2:
        raise UserError(
            f"steps.decision_lines.nets: {name} is {', '.join(kinds) or 'empty'}; expected Linear, ReLU, Linear, the "
            "first of 2 inputs. Take arch: mlp2d, or leave it out of nets."
        )
    first = layers[0]
    assert isinstance(first, nn.Linear)
    bias = torch.zeros(first.out_features) if first.bias is None else first.bias
    return first.weight.detach().numpy(), bias.detach().numpy()


def around(points: Float[np.ndarray, "points 2"], margin: float) -> Box:
    """A square, so that angles are true, with room of `margin` of its side around all points."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    (x, y), half = (low + high) / 2, float((high - low).max()) * (0.5 + margin) or 1.0
    return Box(x - half, x + half, y - half, y + half)


def _decoded(name: str, source: Source, entries: tuple[Entry, ...], views: "Views") -> Samples:
    return decode(source, entries, views.inputs.preprocesses[name], max_bad=views.inputs.study.images.max_bad)


def _accuracy(net: nn.Module, points: Samples | None) -> float:
    return evaluate(net, points.images, points.labels)[1] if points else np.nan


def _has_own(name: str, views: "Views") -> int:
    """1 where none of the points that the network was trained on is an image of the study."""
    if views.inputs.study.net_of(name).train is None:
        return 0
    known = {entry.digest for entry in views.manifest.entries}
    return int(not any(entry.digest in known for entry in training_set(views.inputs, name).train))


def _counted(name: str, points: int, views: "Views") -> str:
    """What the number of a checkpoint counts."""
    train = views.inputs.study.net_of(name).train
    return "checkpoint" if train is None else "iteration" if train.batch >= points else "epoch"
