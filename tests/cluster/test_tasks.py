"""Separate calls: each in its own process, in order, tried again only when the process dies."""

import os
import signal
import time
from pathlib import Path

import pytest

from cluster.actors import limit_threads, portable
from cluster.errors import ClusterError
from cluster.events import Event, UnitDone, UnitFailed
from cluster.resources import Resources
from cluster.stop import Drained, Stop
from cluster.tasks import Call, run_tasks

RAY = Resources(workers=2, device="cpu")


@pytest.fixture(params=["serial", "ray"])
def resources(request: pytest.FixtureRequest) -> Resources:
    """The contract of both executors."""
    if request.param == "ray":
        request.getfixturevalue("ray_session")
        return RAY
    return Resources(executor="serial")


class DivergedError(Exception):
    """An exception with more than a message."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


class StubbornError(Exception):
    """An exception that does not unpickle."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def late(value: int, seconds: float) -> int:
    time.sleep(seconds)
    return value


def process() -> int:
    return os.getpid()


def diverge(step: int) -> None:
    raise DivergedError(step)


def be_stubborn() -> None:
    raise StubbornError("two", "arguments")


def die_until(path: Path, times: int) -> str:
    with path.open("a") as file:
        file.write("x")
    if len(path.read_text()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def test_results_come_in_order_of_the_calls(resources: Resources) -> None:
    events: list[Event] = []
    assert run_tasks([(late, (7, 0.3)), (late, (8, 0.0))], resources, on_event=events.append) == [7, 8]
    assert sorted(event.unit for event in events if isinstance(event, UnitDone)) == [0, 1]
    assert run_tasks([], resources) == []


def test_an_exception_keeps_its_type_and_is_not_tried_again(resources: Resources) -> None:
    events: list[Event] = []
    with pytest.raises(DivergedError) as caught:
        run_tasks([(diverge, (12,)), (late, (1, 0.0))], resources, on_event=events.append)
    assert caught.value.step == 12
    assert not any(isinstance(event, UnitFailed) for event in events)


def test_a_stop_begins_no_further_call(resources: Resources) -> None:
    stop = Stop()
    calls: list[Call] = [(late, (index, 0.01)) for index in range(6)]

    def after_first(event: Event) -> None:
        if isinstance(event, UnitDone):
            stop.request()

    with pytest.raises(Drained, match="of 6 tasks left"):
        run_tasks(calls, resources, on_event=after_first, stop=stop)


def test_every_call_has_a_process_of_its_own(ray_session: None) -> None:
    pids = run_tasks([(process, ())] * 3, RAY)
    assert len({*pids, os.getpid()}) == 4


def test_a_dead_process_is_tried_again_up_to_the_cap(ray_session: None, tmp_path: Path) -> None:
    events: list[Event] = []
    once = RAY.model_copy(update={"retries": 1})
    assert run_tasks([(die_until, (tmp_path / "one", 1))], once, on_event=events.append) == ["alive"]
    assert [event.unit for event in events if isinstance(event, UnitFailed)] == [0]
    with pytest.raises(ClusterError, match=r"^The process of task 0 died 1 times; the last time its process died"):
        run_tasks([(die_until, (tmp_path / "two", 1))], RAY.model_copy(update={"retries": 0}))


def test_an_exception_that_does_not_pickle_keeps_its_text(ray_session: None) -> None:
    with pytest.raises(ClusterError, match="StubbornError: two arguments") as caught:
        run_tasks([(be_stubborn, ())], RAY)
    assert "be_stubborn" in caught.value.__notes__[0]


def test_a_portable_exception_is_the_same_where_it_pickles() -> None:
    error, stubborn = DivergedError(3), StubbornError("a", "b")
    assert portable(error) is error
    assert type(portable(stubborn)) is ClusterError


def test_threads_are_limited_in_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped]
    import torch

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "5")
    before = torch.get_num_threads()
    with threadpoolctl.threadpool_limits():
        try:
            for count in (2, 1):
                limit_threads(count)
                assert np.ones((2, 2)).sum() == 4
                assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {count}
                assert torch.get_num_threads() == count
                assert os.environ["OMP_NUM_THREADS"] == str(count)
        finally:
            torch.set_num_threads(before)
