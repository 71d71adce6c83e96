"""What does each input stand for? Its strongest images, split by the next layer, named by their classes."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from analysis.boolean.mode_names import mode_names
from analysis.boolean.modes import modes, unimodal
from jobs.steps.class_names import class_names
from jobs.steps.karnaugh.pool import Pool
from jobs.steps.karnaugh.targets import Members
from jobs.steps.karnaugh.unit_values import Values

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.karnaugh.step import Karnaugh

CONTROLS = 10
"""Unimodal sets of images that are split as the unit's own: 5 % of them come out in two modes."""

NOBODY = -1


class Split(NamedTuple):
    """One unit's images by modes."""

    mode: Int[np.ndarray, " images"]
    p: float
    valley: float
    controls: Int[np.ndarray, " controls"]
    names: tuple[str, ...]


def units_dataset(step: "Karnaugh", plan: "Plan", net: str, values: Values, pools: dict[str, Pool]) -> xr.Dataset:
    """Dimensions unit (inputs of all circuits of the network), image (strongest first), mode and control.

    `mode` of an image is -1 where it is alone or there are fewer; `p` and `valley` are of the first split; `controls`
    the numbers of modes of Gaussians with the same mean and covariance. Where no modes are asked for, all images are
    one without a name.
    """
    from jobs.steps.karnaugh.step import next_layer

    places = inputs_of_all(pools, step.options.size)
    names, numbers = named_classes(class_names(plan, net), step.members)
    generator = np.random.default_rng(step.seed)
    count = step.options.mode_images or step.options.images
    rows, mode = (np.full((len(places), count), NOBODY) for _ in range(2))
    splits = []
    for number, (layer, channel) in enumerate(places):
        images = strongest(values.layers[layer][:, channel], count)
        rows[number, : len(images)], mode[number, : len(images)] = values.rows[images], 0
        if step.options.mode_images:
            features = values.layers[next_layer(net, layer, plan)][images].astype(np.float64)
            classes = np.where(values.labels[images] >= 0, numbers[values.labels[images]], NOBODY)
            splits.append(_split(features, classes, names, generator))
            mode[number, : len(images)] = splits[-1].mode
        else:
            splits.append(Split(mode[number], 1.0, 0.0, np.ones(CONTROLS, np.int64), ("",)))
    called = [split.names for split in splits]
    most = max(len(one) for one in called)
    return xr.Dataset(
        {
            "row": (("unit", "image"), rows), "mode": (("unit", "image"), mode),
            "modes": ("unit", np.array([len(one) for one in called])),
            "controls": (("unit", "control"), np.stack([split.controls for split in splits])),
            "p": ("unit", np.array([split.p for split in splits])),
            "valley": ("unit", np.array([split.valley for split in splits])),
            "name": (("unit", "named"), np.array([[*one, *[""] * (most - len(one))] for one in called])),
            "layer": ("unit", np.array([layer for layer, _ in places])),
            "channel": ("unit", np.array([channel for _, channel in places])),
        },
        attrs={"net": net},
    )  # fmt: skip


def _split(
    features: Float[np.ndarray, "images features"],
    classes: Int[np.ndarray, " images"],
    names: list[str],
    generator: np.random.Generator,
) -> Split:
    found = modes(features, generator)
    controls = [modes(one, generator).count for one in unimodal(features, CONTROLS, generator)]
    labeled = (classes >= 0).any()
    called = mode_names(found.labels, classes, names) if labeled else tuple("?" * found.count)
    return Split(found.labels, found.splits[0].p, found.splits[0].valley, np.array(controls), called)


def strongest(own: np.ndarray, count: int) -> np.ndarray:
    """Images that excite a unit most, strongest first, without those on which it is silent; ties to the earlier."""
    order = np.argsort(-own, kind="stable")[:count]
    above = order[own[order] > own.min()]
    return above if len(above) else order


def inputs_of_all(pools: dict[str, Pool], k: int) -> list[tuple[str, int]]:
    """The inputs of every circuit, each unit once."""
    places = [(one.layers[place], int(one.channels[place])) for one in pools.values() for place in range(k)]
    return list(dict.fromkeys(places))


def named_classes(names: tuple[str, ...], members: Members) -> tuple[list[str], np.ndarray]:
    """What classes are called, groups by their own names, and the number of each class's name among these."""
    group = {number: name for name, numbers in reversed(members.groups.items()) for number in numbers}
    called = [group.get(number, name) for number, name in enumerate(names)]
    distinct = list(dict.fromkeys(called))
    return distinct, np.array([distinct.index(one) for one in called])
