"""From names to classes, and from what is known of every image to those that have a target."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from jobs.errors import UserError, nearest
from jobs.steps.class_names import class_names
from jobs.steps.karnaugh.options import Class, KarnaughOptions

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.karnaugh.unit_values import Values

RANGE = re.compile(r"([0-9]+)-([0-9]+)")
OPTION = "steps.karnaugh"


@dataclass(frozen=True)
class Members:
    """Classes of every group and every target that is of classes, by number."""

    groups: dict[str, tuple[int, ...]]
    targets: dict[str, tuple[int, ...]]


def members(options: KarnaughOptions, plan: "Plan", net: str) -> Members:
    """UserError where a class is missing, or a target is all classes or no image."""
    names = class_names(plan, net)
    groups = {name: _numbers(classes, names, {}, f"{OPTION}.groups.{name}") for name, classes in options.groups.items()}
    targets = {
        name: _numbers(target.classes, names, groups, f"{OPTION}.targets.{name}.classes")
        for name, target in options.targets.items()
        if target.classes is not None
    }
    for name in targets if options.of == "label" else ():
        images = sum(plan.class_counts[n] for n in targets[name] if n < len(plan.class_counts))
        if not 0 < images < sum(plan.class_counts):
            raise UserError(
                f"{OPTION}.targets.{name}: {images} of {sum(plan.class_counts)} labeled images are of these classes; "
                "choose classes that some images are of and some are not."
            )
    return Members(groups, targets)


def _numbers(
    asked: tuple[Class, ...], names: tuple[str, ...], groups: dict[str, tuple[int, ...]], option: str
) -> tuple[int, ...]:
    return tuple(sorted({number for one in asked for number in _number(one, names, groups, option)}))


def _number(
    asked: Class, names: tuple[str, ...], groups: dict[str, tuple[int, ...]], option: str
) -> tuple[int, ...] | range:
    if asked in groups:
        return groups[str(asked)]
    if asked in names:
        return (names.index(str(asked)),)
    between = RANGE.fullmatch(str(asked))
    first, last = (int(between[1]), int(between[2])) if between else (asked, asked)
    if isinstance(first, str) or isinstance(last, str):
        raise UserError(f"{option}: there is no class {asked!r}; {nearest(str(asked), [*groups, *names])}")
    if not first <= last < len(names):
        raise UserError(f"{option}: {asked} is no class; there are 0 to {len(names) - 1}.")
    return range(first, last + 1)


def has_target(
    options: KarnaughOptions, found: Members, name: str, values: "Values", threshold: float
) -> Bool[np.ndarray, " images"]:
    """Which images have a target; a unit has it above `threshold`."""
    target = options.targets[name]
    if target.unit is not None:
        layer, channel = target.unit
        return values.layers[layer][:, channel] > threshold
    if target.error:
        return values.predicted != values.labels
    classes = values.labels if options.of == "label" else values.predicted
    return np.isin(classes, found.targets[name])


def is_known(options: KarnaughOptions, name: str, values: "Values") -> Bool[np.ndarray, " images"]:
    """Which images have a target or have it not, for sure: those without a label may be left out."""
    target = options.targets[name]
    of_label = target.error or (target.classes is not None and options.of == "label")
    return values.labels >= 0 if of_label else np.ones(len(values.labels), bool)
