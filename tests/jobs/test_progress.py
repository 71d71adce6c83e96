"""What a person sees of a run: a line on a pipe, a bar on a terminal, nothing where a machine reads."""

import io
import time
from collections.abc import Callable

import pytest

from cluster.events import Draining, StragglerKilled, UnitDone, UnitFailed, UnitSkipped, UnitStarted, WorkerLost
from cluster.events import WorkerStarted as Started
from jobs import progress as module
from jobs.progress import Progress, clock, remark


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock that Progress reads."""

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(module, "monotonic", lambda: 100.0 + seconds)

    set_clock(0)
    return set_clock


def test_a_line_says_where_the_step_stands(at: Callable[[float], None]) -> None:
    progress = Progress(2000, 500, "extract")
    assert progress.line() == "extract: 500/2,000 images (25 %), 0 units, 0 workers"
    for worker in ("a:1", "b:2"):
        progress(Started(worker))
    progress(UnitStarted(0, attempt=1, worker="a:1"))
    at(10)
    progress(UnitDone(0, items=300, seconds=9))
    progress(WorkerLost("b:2", "its process died"))
    # 300 images in 10 s leave 1200 for 40 s; what was done before does not count as speed.
    assert progress.items_a_second == 30
    assert progress.left_s == 40
    assert progress.line() == "extract: 800/2,000 images (40 %), 1 unit, 30.0 images/s, 0:40 left, 1 worker"


def test_a_pipe_gets_lines_at_the_interval_and_one_at_the_end() -> None:
    stream = io.StringIO()
    with Progress(10, label="train", stream=stream, interval_s=0.05) as progress:
        time.sleep(0.3)
        progress(UnitFailed(4, attempt=2, reason="OSError: gone"))
        progress(UnitStarted(5, attempt=1, worker="a:1"))
        progress(UnitDone(5, items=10, seconds=1))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train: 0/10 images (0 %), 0 units, 0 workers"
    assert 3 <= lines.count(lines[0]) <= 6
    assert "unit 4 failed (attempt 2): OSError: gone" in lines
    assert lines[-1].startswith("train: 10/10 images (100 %), 1 unit, ")
    time.sleep(0.1)
    assert stream.getvalue().splitlines() == lines


def test_a_terminal_gets_a_bar_and_remarks_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(100, 20, "extract", stream=stream) as progress:
        progress(Started("a:1"))
        progress(UnitStarted(0, attempt=1, worker="a:1"))
        progress(UnitDone(0, items=30, seconds=1))
        progress(UnitSkipped(7, "[red]not markup"))
    shown = stream.getvalue()
    assert "50/100 images, 1 unit, " in shown
    assert "images/s" in shown
    assert "1 worker" in shown
    assert "unit 7 is skipped: [red]not markup" in shown


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_silence_is_silent(stream: io.StringIO) -> None:
    with Progress(10, silent=True, stream=stream, interval_s=0.01) as progress:
        progress(UnitFailed(4, attempt=2, reason="OSError: gone"))
        progress(UnitDone(0, items=10, seconds=1))
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_it_writes_to_stderr_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(0):
        """Nothing runs."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "0/0 images, 0 units, 0 workers\n"


def test_only_what_is_unexpected_is_remarked() -> None:
    assert remark(Started("a:1")) is None
    assert remark(UnitDone(0, items=1, seconds=1)) is None
    assert remark(WorkerLost("a:1", "its node died")) == "worker a:1 lost: its node died"
    assert "has run for 130 s on a:1" in str(remark(StragglerKilled(3, "a:1", seconds=130.2, limit_s=120)))
    assert "2 units in flight will be finished" in str(remark(Draining(2)))


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (754, "12:34"), (3723, "1:02:03")])
def test_a_duration_reads_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
