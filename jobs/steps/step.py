"""What a step is: it names its needs, reduces batches to mergeable arrays, finishes them into results and figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from analysis.arrays import Array

if TYPE_CHECKING:
    import xarray as xr

    from jobs.inputs import Inputs
    from jobs.nets.options import TrainSpec
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

Arrays = dict[str, np.ndarray]
Results = dict[str, "xr.Dataset"]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Needs:
    """What a step reads of every batch: by `net/layer` sampled positions and whole maps, by network its outputs."""

    samples: frozenset[str] = frozenset()
    maps: frozenset[str] = frozenset()
    logits: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    """Networks that are run again, with what they see of every image."""
    stored: frozenset[str] = frozenset()
    """Read again from the store when the step finishes."""

    def union(self, other: "Needs") -> "Needs":
        """Both together."""
        return Needs(
            self.samples | other.samples, self.maps | other.maps, self.logits | other.logits,
            self.images | other.images, self.stored | other.stored,
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
    images: Mapping[str, Tensor] = field(default_factory=dict)
    """(images, channels, height, width) as each network sees them."""
    nets: Mapping[str, nn.Module] = field(default_factory=dict)
    scales: Mapping[str, Tensor] = field(default_factory=dict)
    """(2, channels, height, width): a black and a white picture as each of these networks sees them."""


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

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """Results by name from the merged arrays of all blocks, and from what it may look at besides."""

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Figures, tables and warnings for the report."""


class WithoutPass:
    """What a step is that reads no batch: nothing is needed, summed or merged."""

    def needs(self) -> Needs:
        """Nothing of any batch."""
        return Needs()

    def result_bytes(self, _plan: "Plan") -> int:
        """No unit has a result."""
        return 0

    def split(self, _plan: "Plan", _limit_bytes: int) -> list[Step]:
        """No block, and so no pass."""
        return []

    def reducer(self, _plan: "Plan") -> Reducer:
        """Never asked for."""
        raise NotImplementedError("this step makes no pass over the images")

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Nothing and nothing."""
        return left | right


@runtime_checkable
class TakesResults(Step, Protocol):
    """A step that takes in what other steps found before its own pass begins."""

    def prerequisites(self) -> tuple[Step, ...]:
        """Those steps, bound to the same plan; none of them takes results itself."""

    def informed(self, results: list[Results]) -> Step:
        """The same step, of the same identity, with the results of its prerequisites in their order."""


@runtime_checkable
class HasTasks(Step, Protocol):
    """A step of separate tasks on Ray in place of a pass: trainings, maximizations. `merge` joins their arrays."""

    def tasks(self, plan: "Plan") -> int:
        """How many there are; they are numbered from 0."""

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Do one of them, in a worker; a second attempt gives the same."""


@runtime_checkable
class Trains(HasTasks, Protocol):
    """A step whose tasks train networks of the study further."""

    def trainings(self) -> "list[tuple[str, TrainSpec, str]]":
        """The networks, how they are trained, and the option of the study that says so."""


@runtime_checkable
class Particular(Step, Protocol):
    """A step that some networks do not suit, whatever their weights."""

    def require(self, inputs: "Inputs", plan: "Plan") -> None:
        """UserError for such a network, before anything is trained."""


@runtime_checkable
class WritesRows(Step, Protocol):
    """A step that writes arrays of every image to the store as it goes; its reducers are `RowReducer`."""

    def rows(self, plan: "Plan") -> dict[str, Shape]:
        """What it writes of an image, by name: shapes (channels, height, width)."""


class RowReducer(Reducer, Protocol):
    """A reducer that has arrays of every image too."""

    def rows(self) -> dict[str, np.ndarray]:
        """Of the images of the last batch, by the names of `WritesRows.rows`."""
