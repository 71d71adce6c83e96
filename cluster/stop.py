"""SIGTERM and SIGINT ask a run to drain: no new unit, those in flight finish. A second signal interrupts."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Drained(Exception):  # noqa: N818 (reads as what happened)
    """A stop was asked for before all was done; the same command again goes on from here."""


class Stop:
    """`with Stop() as stop:` around a run; `stop.requested` turns true at the first signal or at `request()`.

    Handlers are installed in the main thread only, and put back at the end. A signal that the parent process ignores
    (nohup, background jobs of a shell) stays ignored.
    """

    def __init__(self, signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)) -> None:
        self.requested = False
        self._signals = signals
        self._before: dict[signal.Signals, Callable[..., Any] | int] = {}

    def request(self) -> None:
        """Asks to drain, as the first signal does."""
        self.requested = True

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                before = signal.getsignal(number)
                if before is not None and before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
