"""Runs units through workers until each is done, given up, or the run is asked to stop.

    with Stop() as stop:
        outcome = run_units(factory, range(12), resources, on_done=merge, stop=stop)

The executors differ in where the work runs, not in what is done, tried again or given up.
"""

from collections.abc import Callable, Iterable
from typing import Any

from cluster.actors import Task, TaskFactory, attempt_answer, failure, limit_threads
from cluster.backlog import Backlog, Outcome
from cluster.errors import ClusterError
from cluster.events import Draining, Listener, UnitStarted, WorkerStarted, ignore
from cluster.resources import Resources, require_room, start, worker_count
from cluster.stop import Stop

__all__ = ["Outcome", "Stop", "run_units"]


def _no_skip(unit: int, reason: str) -> None:
    """The default: a skipped unit is told of by the event and the outcome alone."""


def run_units(
    factory: TaskFactory,
    units: Iterable[int],
    resources: Resources,
    *,
    on_event: Listener = ignore,
    on_done: Callable[[int, dict[str, Any]], None],
    on_skip: Callable[[int, str], None] = _no_skip,
    stop: Stop,
) -> Outcome:
    """Does every unit once; `on_done(unit, record)` runs here, in order of completion.

    A unit that fails for good is in the outcome, not an exception: what others committed stays. An exception of a
    callback ends the run after its workers are killed.

    Raises:
        Refused: a task refused a unit.
        ClusterError: no worker came, or nothing but failures.
        KeyboardInterrupt: a second signal.
    """
    waiting = list(units)
    start(resources)
    require_room(resources)
    workers = min(worker_count(resources), max(1, len(waiting)))
    backlog = Backlog(waiting, resources, workers, on_event=on_event, on_done=on_done, on_skip=on_skip)
    if not waiting:
        return backlog.outcome(stopped=stop.requested)
    if resources.executor == "serial":
        _run_here(factory, backlog, resources, on_event=on_event, stop=stop)
    else:
        from cluster.pool import Pool

        Pool(factory, backlog, resources, workers, on_event=on_event, stop=stop).run()
    return backlog.outcome(stopped=stop.requested)


def _run_here(factory: TaskFactory, backlog: Backlog, resources: Resources, *, on_event: Listener, stop: Stop) -> None:
    """The serial executor: this process is the one worker."""
    task = _opened(factory, resources.threads)
    on_event(WorkerStarted("driver"))
    while backlog.waiting and not stop.requested:
        attempt = backlog.take()
        on_event(UnitStarted(attempt.unit, backlog.failures(attempt.unit) + 1, "driver"))
        backlog.settle(attempt, attempt_answer(task, attempt.unit, attempt.id))
    if stop.requested and backlog.waiting:
        on_event(Draining(in_flight=0))


def _opened(factory: TaskFactory, threads: int) -> Task:
    limit_threads(threads)
    try:
        task = factory.open()
    except Exception as error:
        answer = failure(error)
        raise answer.refusal or ClusterError(f"The worker could not open its task: {answer.reason}") from error
    limit_threads(threads)
    return task
