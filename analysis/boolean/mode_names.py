"""What to call the modes of a unit: by the classes of its images that other modes have not; 'wheel or face'."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

ENOUGH = 0.5
"""A name goes on until its classes hold this share of the mode's images, or has three of them."""
MOST = 3


def mode_names(
    labels: Int[np.ndarray, " images"], classes: Int[np.ndarray, " images"], names: Sequence[str]
) -> tuple[str, ...]:
    """One name a mode: its classes joined by '/', those first that tell most about the mode.

    What a class tells is its images there times the logarithm of how much more frequent it is in the mode than in all
    images: its share of the divergence between the two. Images with a negative class or mode are left out; a mode
    without any other is '?'. Modes of equal names are numbered.
    """
    known = (labels >= 0) & (classes >= 0)
    table = np.zeros((int(labels.max(initial=-1)) + 1, len(names)))
    np.add.at(table, (labels[known], classes[known]), 1)
    found = [_name(row, table.sum(0), names) for row in table]
    return tuple(
        f"{name} {found[:mode].count(name) + 1}" if found.count(name) > 1 else name for mode, name in enumerate(found)
    )


def or_name(names: Sequence[str]) -> str:
    """A unit by its modes: 'wheel or face'."""
    return " or ".join(names)


def and_of_ors(units: Sequence[Sequence[str]]) -> str:
    """A target by the modes of the units that it needs: '(wheel or face) and (hand or flower)'."""
    return " and ".join(f"({or_name(modes)})" if len(modes) > 1 else or_name(modes) for modes in units)


def _name(mode: np.ndarray, overall: np.ndarray, names: Sequence[str]) -> str:
    if not mode.any():
        return "?"
    here = mode / mode.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.where(mode > 0, mode * np.log(here / (overall / overall.sum())), -np.inf)
    # Where modes have the same classes nothing is told: then the most frequent comes first.
    order = np.lexsort((-mode, -np.round(told, 9)))
    wanted = 1 + int(np.searchsorted(np.cumsum(here[order]), ENOUGH))
    return "/".join(names[number] for number in order[: min(wanted, MOST)] if mode[number])
