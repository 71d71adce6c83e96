"""Runs separate calls, each in a process of its own: trainings, which should leave nothing behind on the GPU.

Unlike units, calls are few, long and different; a call is tried again when its process dies, not when it raises.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.actors import cause_of_death, limit_threads, portable
from cluster.errors import ClusterError
from cluster.events import Draining, Listener, UnitDone, UnitFailed, UnitStarted, ignore
from cluster.resources import Resources, can_grow, demand, gpus_a_worker, require_room, start, worker_count
from cluster.stop import Drained, Stop

Call = tuple[Callable[..., Any], tuple[Any, ...]]

POLL_S = 0.5


def run_tasks(
    calls: Sequence[Call], resources: Resources, *, on_event: Listener = ignore, stop: Stop | None = None
) -> list[Any]:
    """`function(*arguments)` of every call, in order of the calls. In the events a unit is the position of a call.

    Raises:
        Exception: what a function raised, of its own type where that can be pickled; the other calls are stopped.
        Drained: a stop was asked for before all calls had begun; those that had are finished.
        ClusterError: the process of one call died more than `resources.retries` times, or no worker can come.
    """
    stop = stop or Stop()
    if not calls:
        return []
    start(resources)
    require_room(resources)
    run = _run_here if resources.executor == "serial" else _run_on_ray
    results = run(calls, resources, on_event, stop)
    if len(results) < len(calls):
        raise Drained(f"stopped with {len(calls) - len(results)} of {len(calls)} tasks left")
    return [results[index] for index in range(len(calls))]


def _run_here(calls: Sequence[Call], resources: Resources, on_event: Listener, stop: Stop) -> dict[int, Any]:
    limit_threads(resources.threads)
    results: dict[int, Any] = {}
    for index, (function, arguments) in enumerate(calls):
        if stop.requested:
            on_event(Draining(in_flight=0))
            break
        on_event(UnitStarted(index, attempt=1, worker="driver"))
        began = time.perf_counter()
        results[index] = function(*arguments)
        on_event(UnitDone(index, items=1, seconds=time.perf_counter() - began))
    return results


@dataclass(frozen=True)
class _Returned:
    """What a call gave: its value, or what it raised."""

    value: Any
    error: Exception | None
    seconds: float


def _perform(function: Callable[..., Any], arguments: tuple[Any, ...], threads: int) -> _Returned:
    """The body of a Ray task."""
    limit_threads(threads)
    began = time.perf_counter()
    try:
        value = function(*arguments)
    except Exception as error:
        return _Returned(None, portable(error), time.perf_counter() - began)
    return _Returned(value, None, time.perf_counter() - began)


def _run_on_ray(calls: Sequence[Call], resources: Resources, on_event: Listener, stop: Stop) -> dict[int, Any]:
    return _Flights(calls, resources, on_event, stop).run()


class _Flights:
    """The calls that wait and the Ray tasks in flight, at most as many as there are workers."""

    def __init__(self, calls: Sequence[Call], resources: Resources, on_event: Listener, stop: Stop) -> None:
        import ray

        # Ray tries again without end where memory ran out, so retries are counted here.
        processes = {"max_retries": 0, "max_calls": 1}
        options: dict[str, Any] = {"num_cpus": resources.threads, "num_gpus": gpus_a_worker(resources), **processes}
        _require_answer(resources, options)
        self._perform = ray.remote(**options)(_perform)
        self._workers = worker_count(resources)
        self._calls = calls
        self._resources = resources
        self._on_event = on_event
        self._stop = stop
        self._draining = False
        self._waiting = deque(range(len(calls)))
        self._flying: dict[Any, int] = {}
        self._deaths = [0] * len(calls)
        self._results: dict[int, Any] = {}

    def run(self) -> dict[int, Any]:
        """Results by position; fewer than calls where a stop was asked for."""
        try:
            while self._flying or (self._waiting and not self._draining):
                self._issue()
                self._hear()
        finally:
            self._cancel()
        return self._results

    def _issue(self) -> None:
        if self._stop.requested and not self._draining:
            self._draining = True
            self._on_event(Draining(in_flight=len(self._flying)))
        while self._waiting and not self._draining and len(self._flying) < self._workers:
            index = self._waiting.popleft()
            self._flying[self._perform.remote(*self._calls[index], self._resources.threads)] = index
            self._on_event(UnitStarted(index, attempt=self._deaths[index] + 1, worker="ray"))

    def _hear(self) -> None:
        import ray
        from ray.exceptions import RayError, RayTaskError

        for ref in ray.wait(list(self._flying), num_returns=1, timeout=POLL_S)[0] if self._flying else []:
            index = self._flying.pop(ref)
            try:
                self._settle(index, ray.get(ref))
            except RayTaskError as error:
                raise ClusterError(f"Task {index} or its result cannot be sent: {error.cause or error}") from error
            except RayError as error:
                self._retry(index, cause_of_death(error))

    def _settle(self, index: int, returned: _Returned) -> None:
        if returned.error is not None:
            raise returned.error
        self._results[index] = returned.value
        self._on_event(UnitDone(index, items=1, seconds=returned.seconds))

    def _retry(self, index: int, reason: str) -> None:
        self._deaths[index] += 1
        self._on_event(UnitFailed(index, attempt=self._deaths[index], reason=reason))
        if self._deaths[index] > self._resources.retries:
            raise ClusterError(f"The process of task {index} died {self._deaths[index]} times; the last time {reason}")
        self._waiting.append(index)

    def _cancel(self) -> None:
        import ray
        from ray.exceptions import RayError

        for ref in self._flying:
            with suppress(RayError):
                ray.cancel(ref, force=True)


def _require_answer(resources: Resources, options: dict[str, Any]) -> None:
    """On a cluster that can grow, one empty task shows in time that a worker comes."""
    if not can_grow(resources):
        return
    import ray
    from ray.exceptions import GetTimeoutError

    try:
        ray.get(ray.remote(**options)(time.time).remote(), timeout=resources.start_timeout_s)
    except GetTimeoutError:
        raise ClusterError(
            f"No worker came within {resources.start_timeout_s:.0f} s: {demand(resources)}. "
            "Lower resources.threads or resources.gpus, or raise resources.start_timeout_s."
        ) from None
