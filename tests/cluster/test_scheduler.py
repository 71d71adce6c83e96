"""Whatever fails, every unit ends done once, given up by name, or left for the next run; serial and Ray alike."""

import random
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import ClusterError, Refused
from cluster.events import (
    Draining,
    Event,
    StragglerKilled,
    UnitDone,
    UnitFailed,
    UnitSkipped,
    WorkerLost,
    WorkerStarted,
)
from cluster.resources import Resources
from cluster.scheduler import Outcome, Stop, run_units
from tests.cluster.faults import Faulty, StopAfter, is_alive

RAY = Resources(workers=2, device="cpu")
SERIAL = Resources(executor="serial")


@pytest.fixture(params=["serial", "ray"])
def resources(request: pytest.FixtureRequest) -> Resources:
    """The contract of both executors."""
    if request.param == "ray":
        request.getfixturevalue("ray_session")
        return RAY
    return SERIAL


class Run:
    """One run: its outcome, records and events."""

    def __init__(self, factory: Faulty, units: int, resources: Resources) -> None:
        self.records: dict[int, dict[str, Any]] = {}
        self.events: list[Event] = []
        self.skips: dict[int, str] = {}
        self.outcome: Outcome = run_units(
            factory,
            range(units),
            resources,
            on_event=self.events.append,
            on_done=self._keep,
            on_skip=self.skips.__setitem__,
            stop=Stop(),
        )

    def _keep(self, unit: int, record: dict[str, Any]) -> None:
        assert unit not in self.records, f"unit {unit} was done twice"
        self.records[unit] = record

    def failures(self) -> list[int]:
        return sorted(event.unit for event in self.events if isinstance(event, UnitFailed))


def test_every_unit_is_done_once(resources: Resources, tmp_path: Path) -> None:
    run = Run(Faulty(tmp_path), 12, resources)
    assert {unit: record["square"] for unit, record in run.records.items()} == {unit: unit**2 for unit in range(12)}
    assert sorted(run.outcome.done) == list(range(12))
    assert list(run.outcome.done) == list(run.records)
    assert run.outcome.failure is None
    assert not run.outcome.drained
    done = [event for event in run.events if isinstance(event, UnitDone)]
    assert sum(event.items for event in done) == sum(10 + unit for unit in range(12))
    assert min(event.seconds for event in done) >= 0.01
    attempts = [attempt for unit in range(12) for _, attempt in Faulty(tmp_path).begun(unit)]
    assert len(set(attempts)) == len(attempts) == 12


def test_no_units_is_done_at_once(resources: Resources, tmp_path: Path) -> None:
    assert Run(Faulty(tmp_path, opens=False), 0, resources).outcome == Outcome((), {}, {}, drained=False)


def test_an_exception_is_tried_again(resources: Resources, tmp_path: Path) -> None:
    run = Run(Faulty(tmp_path, raises_once=frozenset({1, 4})), 6, resources)
    assert sorted(run.records) == list(range(6))
    assert run.failures() == [1, 4]
    told = next(event for event in run.events if isinstance(event, UnitFailed))
    assert told.reason == f"OSError: shard of unit {told.unit} is unreadable"
    assert "_fail" in told.detail


def test_a_refusal_stops_the_run_at_once(resources: Resources, tmp_path: Path) -> None:
    factory = Faulty(tmp_path, refuses=frozenset({0}))
    with pytest.raises(Refused, match="unit 0 overflows float16"):
        Run(factory, 100, resources)
    assert len(factory.begun(0)) == 1
    assert len(list(tmp_path.glob("*.done"))) < 100


def test_a_unit_that_always_fails_ends_the_run_by_name(resources: Resources, tmp_path: Path) -> None:
    factory = Faulty(tmp_path, raises_always=frozenset({2}))
    run = Run(factory, 5, resources.model_copy(update={"retries": 1}))
    assert run.outcome.failed == {2: "OSError: shard of unit 2 is unreadable"}
    assert len(factory.begun(2)) == 2
    assert run.outcome.failure is not None
    assert "unit 2: OSError" in run.outcome.failure
    assert "resources.failed_units: skip" in run.outcome.failure


def test_a_unit_that_always_fails_is_skipped_where_the_study_says_so(resources: Resources, tmp_path: Path) -> None:
    update = {"retries": 1, "failed_units": "skip"}
    run = Run(Faulty(tmp_path, raises_always=frozenset({2})), 5, resources.model_copy(update=update))
    assert sorted(run.outcome.done) == [0, 1, 3, 4]
    assert run.skips == run.outcome.skipped == {2: "OSError: shard of unit 2 is unreadable"}
    assert [event.unit for event in run.events if isinstance(event, UnitSkipped)] == [2]
    assert run.outcome.failure is None


def test_a_stop_lets_units_in_flight_finish(resources: Resources, tmp_path: Path) -> None:
    stop, events, factory = Stop(), list[Event](), Faulty(tmp_path)
    keep = StopAfter(stop, 3)
    outcome = run_units(factory, range(20), resources, on_event=events.append, on_done=keep, stop=stop)
    assert outcome.drained
    assert 3 <= len(outcome.done) <= 3 + 2 * 2
    begun = {unit for unit in range(20) if factory.begun(unit)}
    assert set(outcome.done) == begun == set(keep.records)
    assert sum(isinstance(event, Draining) for event in events) == 1
    rest = run_units(factory, sorted(set(range(20)) - begun), resources, on_done=keep, stop=Stop())
    assert sorted(outcome.done + rest.done) == list(range(20))
    assert all(len(factory.begun(unit)) == 1 for unit in range(20))


def test_a_stop_before_the_start_begins_nothing(resources: Resources, tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    outcome = run_units(Faulty(tmp_path), range(3), resources, on_done=StopAfter(stop, 1), stop=stop)
    assert outcome == Outcome((), {}, {}, drained=True)


def test_a_task_that_does_not_open_stops_the_run(resources: Resources, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="FileNotFoundError: no weights here"):
        Run(Faulty(tmp_path, opens=False), 8, resources.model_copy(update={"workers": 1}))


def test_an_exception_of_a_callback_ends_the_run(resources: Resources, tmp_path: Path) -> None:
    factory = Faulty(tmp_path)

    def burst(unit: int, record: dict[str, Any]) -> None:
        raise ZeroDivisionError(f"merge of unit {unit}")

    with pytest.raises(ZeroDivisionError, match="merge of unit"):
        run_units(factory, range(50), resources, on_done=burst, stop=Stop())
    assert len(list(tmp_path.glob("*.done"))) < 50


def test_nothing_but_failures_stops_the_run(resources: Resources, tmp_path: Path) -> None:
    workers = 1 if resources.executor == "serial" else 2
    factory = Faulty(tmp_path, raises_always=frozenset(range(100)))
    with pytest.raises(ClusterError, match=rf"{2 * workers + 3} failures without one unit done.*is unreadable"):
        Run(factory, 100, resources.model_copy(update={"failed_units": "skip"}))


def test_killed_workers_lose_and_repeat_nothing(ray_session: None, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1000)
    print(f"seed {seed}")
    killed = frozenset(random.Random(seed).sample(range(16), 4))
    factory = Faulty(tmp_path, kills_once=killed, unit_s=0.05)
    run = Run(factory, 16, RAY)
    assert {unit: record["square"] for unit, record in run.records.items()} == {unit: unit**2 for unit in range(16)}
    assert run.failures() == sorted(killed), "only the unit that ran is charged"
    assert {unit: len(factory.begun(unit)) for unit in range(16)} == {unit: 1 + (unit in killed) for unit in range(16)}
    assert sum(isinstance(event, WorkerLost) for event in run.events) == 4
    assert all(record["earlier_alive"] == [] for record in run.records.values())


def test_a_unit_that_kills_every_worker_is_named(ray_session: None, tmp_path: Path) -> None:
    factory = Faulty(tmp_path, kills_always=frozenset({1}), unit_s=0.05)
    run = Run(factory, 6, RAY.model_copy(update={"retries": 1, "failed_units": "skip"}))
    assert sorted(run.outcome.done) == [0, 2, 3, 4, 5]
    assert run.failures() == [1, 1]
    assert list(run.skips) == [1]
    assert run.skips[1].startswith("its process died: ")
    assert "\n" not in run.skips[1]


def test_a_straggler_is_seen_dead_before_its_unit_is_issued_again(ray_session: None, tmp_path: Path) -> None:
    factory = Faulty(tmp_path, hangs_once=frozenset({3}))
    run = Run(factory, 8, RAY.model_copy(update={"straggler_min_s": 2}))
    assert sorted(run.records) == list(range(8))
    (kill,) = [event for event in run.events if isinstance(event, StragglerKilled)]
    assert kill.unit == 3
    assert kill.seconds > kill.limit_s >= 2
    assert run.failures() == [3]
    assert [len(factory.begun(unit)) for unit in range(8)] == [1, 1, 1, 2, 1, 1, 1, 1]
    assert run.records[3]["earlier_alive"] == []


def test_no_worker_outlives_the_run(ray_session: None, tmp_path: Path) -> None:
    from cluster.graves import gone

    run = Run(Faulty(tmp_path), 4, RAY)
    started = [event.worker for event in run.events if isinstance(event, WorkerStarted)]
    assert 1 <= len(started) <= 2
    for worker in started:
        pid = int(worker.rpartition(":")[2])
        assert gone(pid, timeout_s=10)
        assert not is_alive(pid)


def test_more_threads_than_any_node_has_fail_at_once(ray_session: None, tmp_path: Path) -> None:
    with pytest.raises(
        ClusterError, match=r"No worker can come: each asks for 64 CPUs.*has 2 CPUs.*resources\.threads"
    ):
        Run(Faulty(tmp_path), 2, Resources(threads=64, device="cpu"))


def test_a_worker_that_does_not_come_in_time_ends_the_run(ray_session: None, tmp_path: Path) -> None:
    import ray

    holder: Any = ray.remote(Holder).options(num_cpus=1).remote()
    try:
        ray.get(holder.ping.remote())
        with pytest.raises(ClusterError, match=r"No worker came within 1 s: .*resources\.start_timeout_s"):
            Run(Faulty(tmp_path), 2, Resources(threads=2, device="cpu", start_timeout_s=1))
    finally:
        ray.kill(holder)


class Holder:
    """An actor that keeps its CPU."""

    def ping(self) -> None:
        """Answers when it runs."""
