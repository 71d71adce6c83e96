"""A step's separate tasks: maximizations, trainings, compressions. Each is a unit of the step's ledger.

They run on the same scheduler as units of images: retried where a process dies, committed once, never computed again.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.actors import Task
from cluster.blobs import Blobs, open_blobs
from cluster.errors import Refused
from cluster.ledger import Ledger, Record
from cluster.merge import climb, sweep
from cluster.scheduler import run_units
from cluster.stop import Drained, Stop
from jobs.errors import FailedError, UserError
from jobs.inputs import Inputs
from jobs.plan import Plan
from jobs.steps.step import HasTasks
from jobs.views import Views


@dataclass(frozen=True)
class StepTasks:
    """All tasks of one step; opened once in each worker."""

    inputs: Inputs
    plan: Plan
    step: HasTasks
    ledger: str
    store_ledger: str

    @property
    def run(self) -> Blobs:
        """The run's folder."""
        return open_blobs(f"{self.inputs.root.url}/{self.plan.folder}")

    @property
    def units(self) -> int:
        """Number of tasks."""
        return self.step.tasks(self.plan)

    def held(self) -> Ledger:
        """What has been done."""
        return Ledger(self.run, self.ledger, self.units)

    def open(self) -> Task:
        """The worker's part."""
        return _Performer(self)


def perform_all(work: StepTasks, watch: Callable[[str, int, int], Any], stop: Stop) -> int:
    """What is missing; the number of tasks done. FailedError where one fails for good, Drained at a stop."""
    ledger = work.held()
    sweep(ledger)
    missing = ledger.missing()
    if not missing:
        return 0

    def done(unit: int, _record: Record) -> None:
        climb(ledger, work.step.merge, unit)

    # A result without one of its trainings would say something else, and a training that takes ten times as long as
    # another is no straggler.
    changes = {"device": work.plan.device, "failed_units": "fail", "straggler_min_s": math.inf}
    resources = work.inputs.study.resources.model_copy(update=changes)
    with watch(work.step.name, work.units, work.units - len(missing)) as listener:
        outcome = run_units(work, missing, resources, on_event=listener, on_done=done, stop=stop)
    if outcome.failure:
        raise FailedError(f"{work.step.name}: {outcome.failure}")
    if outcome.drained:
        raise Drained(f"stopped with {len(missing) - len(outcome.done)} of {work.units} tasks left")
    return len(missing)


class _Performer:
    """Does tasks in one worker."""

    def __init__(self, work: StepTasks):
        self.work, self.ledger = work, work.held()
        self.views = Views(work.inputs, work.plan, work.run, work.store_ledger)

    def __call__(self, unit: int, attempt: str) -> Record:
        """Do a task and commit it; Refused where the study itself is at fault."""
        if self.ledger.record(unit) is not None:
            return {"attempt": attempt, "items": 1}
        began = time.perf_counter()
        try:
            arrays = self.work.step.perform(unit, self.work.plan, self.views)
        except UserError as error:
            raise Refused(str(error)) from error
        record: Record = {
            "attempt": attempt, "items": 1, "seconds": round(time.perf_counter() - began, 3),
            "worker": f"{platform.node()}:{os.getpid()}",
        }  # fmt: skip
        self.ledger.commit(unit, record, arrays)
        return record
