"""What happens while units run, as records: progress and history subscribe, the scheduler itself prints nothing."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerStarted:
    """A worker is open and takes units."""

    worker: str
    """Address and process id; `driver` for the serial executor."""


@dataclass(frozen=True)
class WorkerLost:
    """A worker's process is gone, or it could not open its task."""

    worker: str
    reason: str


@dataclass(frozen=True)
class UnitStarted:
    """A worker begins a unit."""

    unit: int
    attempt: int
    """1 the first time."""
    worker: str


@dataclass(frozen=True)
class UnitDone:
    """A unit is committed and its record received."""

    unit: int
    items: int
    """Images of the unit: the record's `items`, 0 where it names none."""
    seconds: float
    """Time in the worker."""


@dataclass(frozen=True)
class UnitFailed:
    """One attempt failed: the unit raised, or its process died."""

    unit: int
    attempt: int
    """How many times the unit has failed, this one included."""
    reason: str
    detail: str = ""
    """The traceback, where there is one."""


@dataclass(frozen=True)
class UnitSkipped:
    """A unit has used up its retries and the run goes on without it."""

    unit: int
    reason: str


@dataclass(frozen=True)
class StragglerKilled:
    """A unit ran too long; its worker is killed and the unit will be issued again."""

    unit: int
    worker: str
    seconds: float
    limit_s: float


@dataclass(frozen=True)
class Draining:
    """A signal asked the run to stop: no new unit begins."""

    in_flight: int
    """Units that are still finished."""


Event = WorkerStarted | WorkerLost | UnitStarted | UnitDone | UnitFailed | UnitSkipped | StragglerKilled | Draining
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener that does nothing."""
