"""What is charged, tried again and given up, on the account alone: no executor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.actors import Answer, failure
from cluster.backlog import Backlog
from cluster.errors import ClusterError, Refused
from cluster.events import Event, UnitFailed, ignore
from cluster.resources import Resources

DONE, FAILED = Answer(record={}), Answer(record=None, reason="no luck")


def account(units: int, workers: int = 1, **resources: Any) -> Backlog:
    return Backlog(
        range(units),
        Resources.model_validate(resources),
        workers,
        on_event=ignore,
        on_done=lambda unit, record: None,
        on_skip=lambda unit, reason: None,
    )


@given(st.lists(st.sampled_from(["done", "fails", "back"]), max_size=80), st.integers(0, 3))
def test_no_unit_is_lost_or_doubled(fates: list[str], retries: int) -> None:
    backlog = account(9, workers=100, retries=retries, failed_units="skip")
    for fate in fates:
        if not backlog.waiting:
            break
        attempt = backlog.take()
        if fate == "back":
            backlog.put_back([attempt])
        else:
            backlog.settle(attempt, DONE if fate == "done" else FAILED)
    outcome = backlog.outcome(stopped=False)
    left = [backlog.take().unit for _ in range(backlog.waiting)]
    assert sorted([*outcome.done, *outcome.skipped, *left]) == list(range(9))
    assert all(backlog.failures(unit) == retries + 1 for unit in outcome.skipped)
    assert all(backlog.failures(unit) <= retries for unit in [*left, *outcome.done])


def test_what_never_began_comes_first_and_what_failed_last() -> None:
    backlog = account(4)
    first, second, third = backlog.take(), backlog.take(), backlog.take()
    backlog.settle(first, FAILED)
    backlog.put_back([second, third])
    order = [backlog.take() for _ in range(4)]
    assert [attempt.unit for attempt in order] == [1, 2, 3, 0]
    assert len({attempt.id for attempt in [first, second, third, *order]}) == 7
    assert backlog.failures(0) == 1
    assert backlog.failures(1) == 0


def test_bad_units_at_the_end_do_not_stop_a_run_that_skips() -> None:
    backlog = account(4, workers=1, retries=9, failed_units="skip")
    while backlog.waiting:
        backlog.settle(backlog.take(), FAILED)
    assert list(backlog.outcome(stopped=False).skipped) == [0, 1, 2, 3]


def test_a_success_between_failures_keeps_the_run_going() -> None:
    backlog = account(100, workers=1, retries=0, failed_units="skip")
    for index in range(100):
        backlog.settle(backlog.take(), DONE if index % 5 == 4 else FAILED)
    assert len(backlog.outcome(stopped=False).done) == 20


def test_lost_workers_stop_the_run() -> None:
    backlog = account(3, workers=2)
    for _ in range(6):
        backlog.worker_failed("no network")
    with pytest.raises(ClusterError, match=r"^Stopped after 7 failures .* the last: no network$"):
        backlog.worker_failed("no network")


def test_after_a_unit_failed_for_good_none_begins() -> None:
    backlog = account(3, retries=0)
    backlog.settle(backlog.take(), FAILED)
    assert backlog.waiting == 0
    outcome = backlog.outcome(stopped=True)
    assert (outcome.failed, outcome.drained) == ({0: "no luck"}, False)


def test_the_callback_comes_before_the_unit_counts_as_done() -> None:
    def burst(unit: int, record: dict[str, Any]) -> None:
        raise OSError("disk full")

    backlog = Backlog([0], Resources(), 1, on_event=ignore, on_done=burst, on_skip=lambda unit, reason: None)
    with pytest.raises(OSError, match="disk full"):
        backlog.settle(backlog.take(), DONE)
    assert backlog.outcome(stopped=False).done == ()


def test_failures_name_the_first_line_and_refusals_keep_their_type() -> None:
    class Overflow(Refused):
        """Local, so that it does not pickle."""

    events: list[Event] = []
    answer = failure(ValueError("first\nsecond"))
    assert (answer.record, answer.reason, answer.refusal) == (None, "ValueError: first", None)
    assert failure(ValueError()).reason == "ValueError"
    refused = Refused("unit 3 overflows")
    assert failure(refused).refusal is refused
    local = failure(Overflow("unit 4 overflows")).refusal
    assert type(local) is Refused
    assert str(local) == "unit 4 overflows"
    backlog = Backlog([5], Resources(), 1, on_event=events.append, on_done=lambda *_: None, on_skip=lambda *_: None)
    backlog.settle(backlog.take(), answer)
    assert events == [UnitFailed(5, attempt=1, reason="ValueError: first", detail=answer.detail)]
