"""Units still to do: which is next, how often each has failed, and when to give up on a unit or on the run.

Failed units go to the end of the queue, so that a passing trouble has time to pass and one bad unit holds up no other.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cluster.actors import Answer
from cluster.errors import ClusterError
from cluster.events import Listener, UnitDone, UnitFailed, UnitSkipped
from cluster.resources import Resources


@dataclass(frozen=True)
class Attempt:
    """One issue of one unit."""

    unit: int
    id: str
    """Unique among all attempts of all runs."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. Every unit is in `done`, `failed`, `skipped`, or was never finished."""

    done: tuple[int, ...]
    """In order of completion."""
    failed: dict[int, str]
    """Units that used up their retries, with the last reason; after the first one no new unit begins."""
    skipped: dict[int, str]
    """The same under `failed_units: skip`: the run goes on."""
    drained: bool
    """A stop was asked for and units remain."""

    @property
    def failure(self) -> str | None:
        """One line that names the failed units; None where there are none."""
        if not self.failed:
            return None
        named = "; ".join(f"unit {unit}: {reason}" for unit, reason in sorted(self.failed.items())[:3])
        more = f" and {len(self.failed) - 3} more" if len(self.failed) > 3 else ""
        return (
            f"{len(self.failed)} of the units failed for good ({named}{more}). "
            "Set resources.failed_units: skip to go on without, or raise resources.retries."
        )


class Backlog:
    """The account of a run, the same for both executors."""

    def __init__(
        self,
        units: Iterable[int],
        resources: Resources,
        workers: int,
        *,
        on_event: Listener,
        on_done: Callable[[int, dict[str, Any]], None],
        on_skip: Callable[[int, str], None],
    ) -> None:
        self._waiting = deque(dict.fromkeys(units))
        self._resources = resources
        # Failures of this many different units, or lost workers, with no success between them are no accident.
        self._breaker = 2 * workers + 3
        self._on_event = on_event
        self._on_done = on_done
        self._on_skip = on_skip
        self._run = uuid4().hex[:12]
        self._issued = 0
        self._failures: Counter[int] = Counter()
        self._streak: set[object] = set()
        self._done: list[int] = []
        self._failed: dict[int, str] = {}
        self._skipped: dict[int, str] = {}

    @property
    def waiting(self) -> int:
        """Units that may be issued now: none after one has failed for good."""
        return 0 if self.closed else len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether a unit has failed for good, after which none begins."""
        return bool(self._failed)

    def take(self) -> Attempt:
        """The next unit to issue."""
        self._issued += 1
        return Attempt(unit=self._waiting.popleft(), id=f"{self._run}-{self._issued}")

    def put_back(self, attempts: Iterable[Attempt]) -> None:
        """Attempts that never began: first in the queue again, and not counted."""
        self._waiting.extendleft(attempt.unit for attempt in reversed(list(attempts)))

    def failures(self, unit: int) -> int:
        """How often the unit has failed so far."""
        return self._failures[unit]

    def settle(self, attempt: Attempt, answer: Answer) -> None:
        """Books the answer to one attempt: done, with the callback first, or failed.

        Raises:
            Refused: the task refused the unit.
            ClusterError: too many failures without one success.
        """
        if answer.refusal is not None:
            raise answer.refusal
        if answer.record is None:
            self.failed(attempt, answer.reason, answer.detail)
            return
        self._on_done(attempt.unit, answer.record)
        self._done.append(attempt.unit)
        self._streak.clear()
        self._on_event(UnitDone(attempt.unit, items=int(answer.record.get("items", 0)), seconds=answer.seconds))

    def failed(self, attempt: Attempt, reason: str, detail: str = "") -> None:
        """Charges a unit with a failure: it waits for another attempt, or is given up.

        Raises:
            ClusterError: too many failures without one success.
        """
        unit = attempt.unit
        self._failures[unit] += 1
        self._on_event(UnitFailed(unit=unit, attempt=self._failures[unit], reason=reason, detail=detail))
        if self._failures[unit] <= self._resources.retries:
            self._waiting.append(unit)
        elif self._resources.failed_units == "skip":
            self._skipped[unit] = reason
            self._on_skip(unit, reason)
            self._on_event(UnitSkipped(unit=unit, reason=reason))
        else:
            self._failed[unit] = reason
        self._strike(unit, f"unit {unit}: {reason}")

    def worker_failed(self, reason: str) -> None:
        """Counts a worker that was lost while it did no unit.

        Raises:
            ClusterError: too many failures without one success.
        """
        self._strike(object(), reason)

    def _strike(self, culprit: object, reason: str) -> None:
        self._streak.add(culprit)
        if len(self._streak) >= self._breaker:
            raise ClusterError(
                f"Stopped after {len(self._streak)} failures without one unit done between them; the last: {reason}"
            )

    def outcome(self, *, stopped: bool) -> Outcome:
        """The account as it stands; `stopped` says whether a stop was asked for."""
        drained = stopped and bool(self._waiting) and not self._failed
        return Outcome(done=tuple(self._done), failed=self._failed, skipped=self._skipped, drained=drained)
