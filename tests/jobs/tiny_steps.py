"""Steps of a few lines that tests put in place of a study's own: a mean, what builds on it, rows that are written."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np
import torch
import xarray as xr

from jobs.steps.presentation import Presentation
from jobs.steps.registry import prerequisites
from jobs.steps.step import Arrays, Batch, Needs, Results, Shape, Step


@contextmanager
def in_place_of_the_study(*steps: Step) -> Iterator[None]:
    """Runs inside bind these steps, whatever the study names; each after its prerequisites."""
    bound = [one for step in steps for one in (*prerequisites(step), step)]
    names = ("jobs.passes.bind", "jobs.run.bind", "jobs.forecast.bind")
    with ExitStack() as patches:
        for name in names:
            patches.enter_context(patch(name, lambda *_: bound))
        yield


@dataclass(frozen=True)
class Tiny:
    """What the steps here share: one layer, sums of every unit, one dataset."""

    layer: str = "a/conv1"
    name: ClassVar[str] = "tiny"
    version: ClassVar[int] = 1

    def identity(self) -> dict[str, Any]:
        return {"layer": self.layer}

    def needs(self) -> Needs:
        return Needs(maps=frozenset({self.layer}))

    def result_bytes(self, _plan: Any) -> int:
        return 100

    def split(self, _plan: Any, _limit_bytes: int) -> list[Any]:
        return [self]

    def reducer(self, _plan: Any) -> Any:
        return Sums(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        return {name: left[name] + right[name] for name in left}

    def of(self, maps: np.ndarray) -> np.ndarray:
        """What is summed over all values of a batch, by channel."""
        raise NotImplementedError

    def finish(self, _plan: Any, arrays: Arrays, _views: Any) -> Results:
        return {"all": xr.Dataset({"mean": ("unit", arrays["sum"] / arrays["count"])})}

    def present(self, _plan: Any, _results: Results, _views: Any) -> Presentation:
        return Presentation()


class Sums:
    """Sums of one unit, by channel, and how many values they are of."""

    def __init__(self, step: Tiny):
        self.step = step
        self.found: Arrays = {"sum": np.zeros(1), "count": np.zeros(1)}

    def update(self, batch: Batch) -> None:
        maps = np.asarray(batch.maps[self.step.layer], np.float64)
        self.found["sum"] = self.found["sum"] + self.step.of(maps).sum((0, 2, 3))
        self.found["count"] = self.found["count"] + maps[:, 0].size

    def arrays(self) -> Arrays:
        return self.found


@dataclass(frozen=True)
class Mean(Tiny):
    """The mean of every channel."""

    name: ClassVar[str] = "mean"

    def of(self, maps: np.ndarray) -> np.ndarray:
        return maps


@dataclass(frozen=True)
class Largest(Mean):
    """The mean of every channel's magnitude."""

    name: ClassVar[str] = "magnitude"

    def of(self, maps: np.ndarray) -> np.ndarray:
        return np.abs(maps)


@dataclass(frozen=True)
class Above(Tiny):
    """The share of values above what earlier steps found, the sum of their means: it cannot be had in one pass."""

    before: tuple[Step, ...] = (Mean(),)
    level: np.ndarray | None = field(default=None, compare=False)
    name: ClassVar[str] = "above"

    def prerequisites(self) -> tuple[Step, ...]:
        return self.before

    def informed(self, results: list[Results]) -> "Above":
        """The first counts once, the second ten times: their order shows."""
        levels = [10**place * found["all"]["mean"].values for place, found in enumerate(results)]
        return replace(self, level=np.sum(levels, axis=0))

    def identity(self) -> dict[str, Any]:
        return {"layer": self.layer, "before": [step.name for step in self.before]}

    def of(self, maps: np.ndarray) -> np.ndarray:
        assert self.level is not None, "its pass began before it was informed"
        return np.asarray(maps > self.level[:, None, None], np.float64)

    def present(self, _plan: Any, _results: Results, _views: Any) -> Presentation:
        return Presentation(warnings=(f"{self.name} was presented with {self.level}",))


@dataclass(frozen=True)
class Doubled(Mean):
    """Writes twice the layer's maps of every image, and their means, besides summing them."""

    shape: Shape = (6, 8, 8)
    name: ClassVar[str] = "doubled"

    def rows(self, _plan: Any) -> dict[str, Shape]:
        return {"maps": self.shape, "means": (self.shape[0], 1, 1)}

    def reducer(self, _plan: Any) -> "DoubledRows":
        return DoubledRows(self)


class DoubledRows(Sums):
    """Sums, and rows of the last batch."""

    last: Arrays

    def update(self, batch: Batch) -> None:
        super().update(batch)
        maps = 2 * torch.as_tensor(batch.maps[self.step.layer]).numpy()
        self.last = {"maps": maps, "means": maps.mean((2, 3), keepdims=True)}

    def rows(self) -> Arrays:
        return self.last
