"""What a step is: it names its needs, reduces batches to mergeable arrays, finishes them into results and figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from analysis.arrays import Array

if TYPE_CHECKING:
    import xarray as xr

    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Needs:
    """What a step reads of every batch, by `net/layer`: sampled positions, whole maps, and the networks' outputs."""

    samples: frozenset[str] = frozenset()
    maps: frozenset[str] = frozenset()
    logits: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    """Read again from the store when the step finishes."""

    def union(self, other: "Needs") -> "Needs":
        """Both together."""
        return Needs(
            self.samples | other.samples, self.maps | other.maps, self.logits | other.logits,
            self.stored | other.stored,
        )  # fmt: skip

    @property
    def layers(self) -> frozenset[str]:
        """Every `net/layer` that is read of every batch."""
        return self.samples | self.maps


@dataclass(frozen=True)
class Batch:
    """The valid images of one batch, group by group, and what was asked of them."""

    rows: np.ndarray
    ids: tuple[str, ...]
    labels: np.ndarray
    groups: np.ndarray
    samples: Mapping[str, Array] = field(default_factory=dict)
    maps: Mapping[str, Array] = field(default_factory=dict)
    logits: Mapping[str, Tensor] = field(default_factory=dict)
    """Without the networks whose output is no tensor."""


class Reducer(Protocol):
    """Lives in a worker for one unit."""

    def update(self, batch: Batch) -> None:
        """Take in a batch."""

    def arrays(self) -> Arrays:
        """What the unit gave, on the host."""


class Step(Protocol):
    """A step bound to a plan; it travels to workers, so it is small and picklable."""

    name: ClassVar[str]
    version: ClassVar[int]

    def identity(self) -> dict[str, Any]:
        """What its results depend on besides the run: layers and options, as JSON. The step's key is made of it."""

    def needs(self) -> Needs:
        """What it reads of every batch."""

    def result_bytes(self, plan: "Plan") -> int:
        """Size of one unit's result, which is also the size of every merged one."""

    def split(self, plan: "Plan", limit_bytes: int) -> list["Step"]:
        """Blocks of work whose results each stay under the limit; one pass over the images serves one block."""

    def reducer(self, plan: "Plan") -> Reducer:
        """A fresh reducer for one unit."""

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Two units' arrays, or two nodes', together: associative."""

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> dict[str, "xr.Dataset"]:
        """Results by name from the merged arrays of all blocks, and from what it may look at besides."""

    def present(self, plan: "Plan", results: dict[str, "xr.Dataset"], views: "Views") -> "Presentation":
        """Figures, tables and warnings for the report."""
