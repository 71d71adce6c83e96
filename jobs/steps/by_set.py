"""Sums of several sets of images kept apart: every set has a reducer of its own, which sees its images alone."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from analysis.arrays import Array, device_of, namespace
from jobs.images.sets import set_of
from jobs.steps.step import Arrays, Batch, Reducer

APART = ">"
"""Between the name of a set and the name of an array; no name of a set holds it."""


class BySet:
    """Reducers by set."""

    def __init__(self, reducers: Mapping[str, Reducer]):
        self.reducers = reducers

    def update(self, batch: Batch) -> None:
        """Hand every set its images of a batch, in order."""
        sets = np.array([set_of(id) for id in batch.ids])
        for name, reducer in self.reducers.items():
            chosen = sets == name
            if chosen.any():
                reducer.update(of_images(batch, chosen))

    def arrays(self) -> Arrays:
        """Every set's arrays, by set and name."""
        return {
            f"{name}{APART}{place}": array
            for name, reducer in self.reducers.items()
            for place, array in reducer.arrays().items()
        }


def of_all_sets(arrays: Arrays) -> Arrays:
    """The sums of all sets together."""
    total: Arrays = {}
    for place, array in arrays.items():
        name = place.partition(APART)[2]
        total[name] = total[name] + array if name in total else array
    return total


def of_one_set(arrays: Arrays, name: str) -> Arrays:
    """The arrays of one set, by their own names."""
    return {
        place.removeprefix(name + APART): array for place, array in arrays.items() if place.startswith(name + APART)
    }


def of_images(batch: Batch, chosen: np.ndarray) -> Batch:
    """Some images of a batch, in order."""
    index = np.flatnonzero(chosen)
    return replace(
        batch,
        rows=batch.rows[chosen],
        ids=tuple(batch.ids[number] for number in index),
        labels=batch.labels[chosen],
        groups=batch.groups[chosen],
        samples={layer: _taken(values, index) for layer, values in batch.samples.items()},
        maps={layer: _taken(values, index) for layer, values in batch.maps.items()},
        logits={net: _taken(values, index) for net, values in batch.logits.items()},
    )


def _taken(values: Array, index: np.ndarray) -> Array:
    xp = namespace(values)
    return xp.take(values, xp.asarray(index, device=device_of(values)), axis=0)
