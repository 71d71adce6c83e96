"""The Ray executor: a `ray.wait` loop over actors that do units, at most two in flight each.

Only the oldest call of an actor is awaited: it is the one that runs, so that the death of a process is charged to the
unit that it did and not to the one behind. Nothing but ids and small records pass through the object store.
"""

import statistics
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from cluster.actors import Answer, Place, TaskFactory, Worker, cause_of_death
from cluster.backlog import Attempt, Backlog
from cluster.errors import ClusterError
from cluster.events import Draining, Listener, StragglerKilled, UnitStarted, WorkerLost, WorkerStarted
from cluster.graves import Grave
from cluster.resources import Resources, demand, gpus_a_worker
from cluster.stop import Stop

POLL_S = 0.5  # how late a signal or a straggler may be noticed
IN_FLIGHT = 2  # the second unit hides the way to the driver and back
JUDGED_FROM = 3  # units done before any is called slow


@dataclass
class _Call:
    """One call in flight: ping and open have no attempt."""

    ref: Any
    attempt: Attempt | None = None


@dataclass
class _Hand:
    """The driver's view of one actor."""

    actor: Any
    calls: deque[_Call] = field(default_factory=deque)
    place: Place | None = None
    """None until it has answered the ping."""
    ready: bool = False
    """Its task is open."""
    since: float = 0.0
    """When the oldest call began."""

    def attempts(self) -> list[Attempt]:
        return [call.attempt for call in self.calls if call.attempt is not None]


class Pool:
    """One run on actors; `run` returns when no unit is left to issue and none is in flight."""

    def __init__(
        self,
        factory: TaskFactory,
        backlog: Backlog,
        resources: Resources,
        workers: int,
        *,
        on_event: Listener,
        stop: Stop,
    ) -> None:
        self._factory = ray.put(factory)
        self._backlog = backlog
        self._resources = resources
        self._workers = workers
        self._on_event = on_event
        self._stop = stop
        self._draining = False
        self._hands: list[_Hand] = []
        self._graves: list[Grave] = []
        self._seconds: deque[float] = deque(maxlen=1000)
        self._nobody_since = time.monotonic()
        self._actor = ray.remote(Worker).options(
            num_cpus=resources.threads,
            num_gpus=gpus_a_worker(resources),
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=1,
        )

    def run(self) -> None:
        """Runs until nothing is left to do; kills every actor then, whatever happened."""
        try:
            while self._goes_on():
                self._hire()
                self._feed()
                self._hear()
                self._kill_stragglers()
                self._visit_graves()
                self._require_somebody()
        finally:
            for hand in self._hands:
                self._kill(hand)
            for grave in self._graves:
                self._backlog.put_back(grave.attempts())

    def _goes_on(self) -> bool:
        if self._stop.requested and not self._draining:
            self._draining = True
            self._on_event(Draining(in_flight=self._in_flight()))
        ended = self._draining or self._backlog.closed
        return bool(self._in_flight() or (not ended and (self._backlog.waiting or self._graves)))

    def _in_flight(self) -> int:
        return sum(len(hand.attempts()) for hand in self._hands)

    def _hire(self) -> None:
        """Starts actors up to the number that has work, also in place of dead ones."""
        wanted = 0 if self._draining else min(self._workers, self._backlog.waiting + self._in_flight())
        while len(self._hands) < wanted:
            hand = _Hand(self._actor.remote())
            hand.calls.append(_Call(hand.actor.ping.remote()))
            hand.calls.append(_Call(hand.actor.open.remote(self._factory, self._resources.threads)))
            self._hands.append(hand)

    def _feed(self) -> None:
        """Issues units, to the least busy first; a second one only while there are more than idle workers to take."""
        while self._backlog.waiting and not self._draining:
            ready = [hand for hand in self._hands if hand.ready]
            hand = min(ready, key=lambda hand: len(hand.calls), default=None)
            idle = sum(not hand.attempts() for hand in self._hands)
            if hand is None or len(hand.calls) >= IN_FLIGHT or (hand.calls and self._backlog.waiting <= idle):
                return
            attempt = self._backlog.take()
            hand.calls.append(_Call(hand.actor.do.remote(attempt.unit, attempt.id), attempt))
            if len(hand.calls) == 1:
                self._begin(hand)

    def _begin(self, hand: _Hand) -> None:
        """The oldest call of the actor runs from now on."""
        hand.since = time.monotonic()
        if hand.calls and (attempt := hand.calls[0].attempt) is not None:
            number = self._backlog.failures(attempt.unit) + 1
            self._on_event(UnitStarted(attempt.unit, attempt=number, worker=str(hand.place)))

    def _hear(self) -> None:
        """Waits for answers, a short while at most."""
        oldest = {hand.calls[0].ref: hand for hand in self._hands if hand.calls}
        if not oldest:
            time.sleep(0.05)
            return
        answered, _ = ray.wait(list(oldest), num_returns=1, timeout=POLL_S)
        for ref in answered:
            self._answer(oldest[ref])

    def _answer(self, hand: _Hand) -> None:
        """Takes the answer to the oldest call of one actor."""
        call = hand.calls[0]
        try:
            answer = ray.get(call.ref)
        except RayTaskError as error:
            # The worker lives: what came back, or went there, does not pickle.
            answer = Answer(record=None, reason=str(error.cause or error).strip().splitlines()[0], detail=str(error))
        except RayError as error:
            self._lose(hand, error)
            return
        hand.calls.popleft()
        if isinstance(answer, Place):
            hand.place = answer
        elif call.attempt is None:
            self._opened(hand, answer)
        else:
            if answer.record is not None:
                self._seconds.append(answer.seconds)
            self._begin(hand)
            self._backlog.settle(call.attempt, answer)

    def _opened(self, hand: _Hand, answer: Answer) -> None:
        if answer.record is not None:
            hand.ready = True
            self._on_event(WorkerStarted(str(hand.place)))
            return
        self._dismiss(hand)
        if answer.refusal is not None:
            raise answer.refusal
        self._on_event(WorkerLost(str(hand.place), answer.reason))
        self._backlog.worker_failed(f"a worker could not open its task: {answer.reason}")

    def _lose(self, hand: _Hand, error: RayError) -> None:
        """The actor died, or cannot be reached and must be seen dead before its units are issued again."""
        reason = cause_of_death(error)
        self._on_event(WorkerLost(str(hand.place or "a worker that never came"), reason))
        if hand.place is not None and not isinstance(error, ActorDiedError):
            self._bury(hand, reason)
            return
        self._dismiss(hand)
        attempts = hand.attempts()
        if attempts:
            self._backlog.put_back(attempts[1:])
            self._backlog.failed(attempts[0], reason)
        else:
            self._backlog.worker_failed(reason)

    def _dismiss(self, hand: _Hand) -> None:
        self._kill(hand)
        self._hands.remove(hand)
        if not any(other.place for other in self._hands):
            self._nobody_since = time.monotonic()

    def _kill(self, hand: _Hand) -> None:
        with suppress(RayError, ValueError):
            ray.kill(hand.actor)

    def _bury(self, hand: _Hand, reason: str) -> None:
        """Kills the actor; its units wait until the process is seen dead."""
        assert hand.place is not None
        self._dismiss(hand)
        self._graves.append(Grave(hand.place, hand.attempts(), reason))

    def _kill_stragglers(self) -> None:
        if len(self._seconds) < JUDGED_FROM:
            return
        slow_s = self._resources.straggler_factor * statistics.median(self._seconds)
        for hand in list(self._hands):
            attempt = hand.calls[0].attempt if hand.calls else None
            if attempt is None:
                continue
            # A unit that is truly long gets twice the time at each attempt, instead of the same end.
            limit_s = max(self._resources.straggler_min_s, slow_s) * 2 ** self._backlog.failures(attempt.unit)
            seconds = time.monotonic() - hand.since
            if seconds <= limit_s or ray.wait([hand.calls[0].ref], timeout=0)[0]:
                continue
            self._on_event(StragglerKilled(attempt.unit, str(hand.place), seconds=seconds, limit_s=limit_s))
            self._bury(hand, f"ran longer than {limit_s:.0f} s (see resources.straggler_min_s)")

    def _visit_graves(self) -> None:
        for grave in [grave for grave in self._graves if grave.closed()]:
            self._graves.remove(grave)
            first, *rest = grave.attempts()
            self._backlog.put_back(rest)
            self._backlog.failed(first, grave.reason)

    def _require_somebody(self) -> None:
        waited_s, patience_s = time.monotonic() - self._nobody_since, self._resources.start_timeout_s
        if self._hands and waited_s > patience_s and not any(hand.place for hand in self._hands):
            raise ClusterError(
                f"No worker came within {patience_s:.0f} s: {demand(self._resources)}. "
                "Lower resources.threads or resources.gpus, or raise resources.start_timeout_s."
            )
