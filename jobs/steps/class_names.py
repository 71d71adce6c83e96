"""What a network's classes are called: as the images' classes where these have names, else by number."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.plan import Plan

WORDNET = re.compile(r"(?:([0-9]+)_)?n[0-9]{8}")
"""Folders of ImageNet, with the class's number before it or without."""


def class_names(plan: "Plan", net: str) -> tuple[str, ...]:
    """One name for each output of the network; ImageNet's own where the images' classes are its WordNet numbers."""
    count = max(plan.nets[net].classes, len(plan.classes))
    names = tuple(plan.classes[n] if n < len(plan.classes) else f"class {n}" for n in range(count))
    return _imagenet() if count == len(_imagenet()) and _are_imagenet(plan.classes, count) else names


def _are_imagenet(folders: Sequence[str], count: int) -> bool:
    """Whether each class that has a folder stands at its place: named by it, or in a list of all."""
    found = {n: WORDNET.fullmatch(folder) for n, folder in enumerate(folders) if folder != str(n)}
    complete = len(found) == count
    return bool(found) and all(match and (int(match[1]) == n if match[1] else complete) for n, match in found.items())


def _imagenet() -> tuple[str, ...]:
    from torchvision.models import SqueezeNet1_1_Weights  # type: ignore[import-untyped]

    return tuple(SqueezeNet1_1_Weights.DEFAULT.meta["categories"])
