"""How far a step is: a bar on a terminal, a plain line every five seconds elsewhere, on stderr; nothing for machines.

It listens to the events of the scheduler and changes nothing of a run.
"""

import sys
import threading
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from cluster.events import (
    Draining,
    Event,
    StragglerKilled,
    UnitDone,
    UnitFailed,
    UnitSkipped,
    UnitStarted,
    WorkerLost,
    WorkerStarted,
)
from jobs.counted import counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """`with Progress(1797, 0, "extract") as progress: run_units(..., on_event=progress)`.

    Args:
        total_items: images of the step.
        done_items: images that an earlier run has done; they count as done but not for the images a second.
        label: what runs.
        silent: shows nothing, for `--json`.
        stream: where it shows, stderr by default; a terminal gets the bar.
        interval_s: seconds between plain lines.
        noun: what an item is.
    """

    def __init__(
        self,
        total_items: int,
        done_items: int = 0,
        label: str = "",
        *,
        silent: bool = False,
        stream: TextIO | None = None,
        interval_s: float = 5.0,
        noun: str = "images",
    ) -> None:
        self._total = total_items
        self._before = done_items
        self._items = 0
        self._units = 0
        self._workers: set[str] = set()
        self._label = label
        self._silent = silent
        self._stream = stream or sys.stderr
        self._interval_s = interval_s
        self._noun = noun
        self._began: float | None = None
        self._bar: Bar | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Progress":
        if self._silent:
            return self
        if self._stream.isatty():
            self._bar = self._new_bar()
            self._bar.start()
        else:
            self._thread = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._bar is not None:
            self._show()
            self._bar.stop()
            self._bar = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._print(self.line())

    def __call__(self, event: Event) -> None:
        """Takes one event of the scheduler."""
        if isinstance(event, WorkerStarted):
            self._workers.add(event.worker)
        elif isinstance(event, WorkerLost):
            self._workers.discard(event.worker)
        elif isinstance(event, UnitStarted):
            self._began = self._began or monotonic()
        elif isinstance(event, UnitDone):
            self._units += 1
            self._items += event.items
        if (note := remark(event)) is not None and not self._silent:
            self._print(note)
        if self._bar is not None:
            self._show()

    @property
    def items_a_second(self) -> float:
        """Images a second since the first unit of this run began; 0 before any is done."""
        elapsed_s = monotonic() - self._began if self._began is not None else 0.0
        return self._items / elapsed_s if elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until the last image at this speed; None while nothing is known."""
        rate = self.items_a_second
        return max(0, self._total - self._before - self._items) / rate if rate else None

    def line(self) -> str:
        """Where the step stands, in one line of text."""
        done = self._before + self._items
        share = f" ({100 * done // self._total} %)" if self._total else ""
        parts = [f"{done:,}/{self._total:,} {self._noun}{share}", *self._figures()]
        return f"{self._label}: {', '.join(parts)}" if self._label else ", ".join(parts)

    def _figures(self) -> list[str]:
        figures = [counted(self._units, "unit")]
        if (left_s := self.left_s) is not None:
            figures += [f"{self.items_a_second:,.1f} {self._noun}/s", f"{clock(left_s)} left"]
        return [*figures, counted(len(self._workers), "worker")]

    def _tick(self) -> None:
        while not self._ended.wait(self._interval_s):
            self._print(self.line())

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _new_bar(self) -> "Bar":
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
        bar = Bar(*columns, console=Console(file=self._stream))
        bar.add_task(self._label, total=self._total, completed=self._before, figures="")
        return bar

    def _show(self) -> None:
        assert self._bar is not None
        done = self._before + self._items
        figures = ", ".join([f"{done:,}/{self._total:,} {self._noun}", *self._figures()])
        self._bar.update(self._bar.task_ids[0], completed=done, figures=figures)


def remark(event: Event) -> str | None:
    """A line on what a person should know at once; None for what goes as planned."""
    match event:
        case UnitFailed(unit, attempt, reason):
            return f"unit {unit} failed (attempt {attempt}): {reason}"
        case UnitSkipped(unit, reason):
            return f"unit {unit} is skipped: {reason}"
        case StragglerKilled(unit, worker, seconds, _):
            return f"unit {unit} has run for {seconds:.0f} s on {worker}: killed, it will be tried again"
        case WorkerLost(worker, reason):
            return f"worker {worker} lost: {reason}"
        case Draining(in_flight):
            return f"stopping: {counted(in_flight, 'unit')} in flight will be finished; interrupt again to stop at once"
        case _:
            return None


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
