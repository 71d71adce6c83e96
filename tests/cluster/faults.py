"""A task that fails as told, for the tests of the scheduler: kills its process, raises, refuses or hangs."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import Refused
from cluster.stop import Stop


@dataclass(frozen=True)
class Faulty:
    """Writes a line to `folder/<unit>.begun` as each attempt begins and creates `folder/<unit>.done` once."""

    folder: Path
    kills_once: frozenset[int] = frozenset()
    kills_always: frozenset[int] = frozenset()
    raises_always: frozenset[int] = frozenset()
    raises_once: frozenset[int] = frozenset()
    refuses: frozenset[int] = frozenset()
    hangs_once: frozenset[int] = frozenset()
    opens: bool = True
    unit_s: float = 0.01

    def open(self) -> "FaultyTask":
        if not self.opens:
            raise FileNotFoundError("no weights here")
        return FaultyTask(self)

    def begun(self, unit: int) -> list[tuple[int, str]]:
        """Process id and attempt of each time the unit began."""
        path = self.folder / f"{unit}.begun"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), line.split()[1]) for line in lines]


@dataclass(frozen=True)
class FaultyTask:
    plan: Faulty

    def __call__(self, unit: int, attempt: str) -> dict[str, Any]:
        before = self.plan.begun(unit)
        with (self.plan.folder / f"{unit}.begun").open("a") as file:
            file.write(f"{os.getpid()} {attempt}\n")
        time.sleep(self.plan.unit_s)
        self._fail(unit, first=not before)
        (self.plan.folder / f"{unit}.done").touch(exist_ok=False)
        alive = [pid for pid, _ in before if pid != os.getpid() and is_alive(pid)]
        return {"unit": unit, "items": 10 + unit, "square": unit * unit, "earlier_alive": alive}

    def _fail(self, unit: int, *, first: bool) -> None:
        if unit in self.plan.kills_always or (first and unit in self.plan.kills_once):
            os.kill(os.getpid(), signal.SIGKILL)
        if unit in self.plan.raises_always or (first and unit in self.plan.raises_once):
            raise OSError(f"shard of unit {unit} is unreadable\nsecond line")
        if unit in self.plan.refuses:
            raise Refused(f"unit {unit} overflows float16")
        if first and unit in self.plan.hangs_once:
            time.sleep(120)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class StopAfter:
    """`on_done` callback that keeps the records and asks to stop after some."""

    def __init__(self, stop: Stop, count: int) -> None:
        self.records: dict[int, dict[str, Any]] = {}
        self._stop = stop
        self._count = count

    def __call__(self, unit: int, record: dict[str, Any]) -> None:
        assert unit not in self.records
        self.records[unit] = record
        if len(self.records) == self._count:
            self._stop.request()
