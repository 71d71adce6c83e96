"""A network whose building sets a trap: its process dies, or kills the driver, at a chosen point of a unit.

Workers import it as any `module:callable` network, so the product has no hook for tests. VITRINE_DOOM is
`point:unit:victim:marker`; the trap springs once, when it can create the marker file.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from cluster.gather import Gather
from cluster.ledger import Ledger
from jobs.nets.convnet import convnet

POINTS = ("before a write", "between shards", "before the commit", "after the commit")


def doomed(in_shape: tuple[int, int, int], classes: int, width: int = 8) -> nn.Module:
    """A small convnet; sets the trap that the environment asks for."""
    if "VITRINE_DOOM" in os.environ:
        _set(*os.environ["VITRINE_DOOM"].split(":"))
    return convnet(in_shape, classes, width=width)


def _set(point: str, unit: str, victim: str, marker: str) -> None:
    def spring() -> None:
        try:
            Path(marker).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid() if victim == "self" else int(Path(victim).read_text()), signal.SIGKILL)
        time.sleep(60)  # a worker whose driver is gone is ended by Ray

    if point in ("before a write", "between shards"):
        _around_shards("take" if point == "before a write" else "give_back", int(unit), spring)
    else:
        _around_commit(int(unit), point == "after the commit", spring)


def _around_shards(method: str, unit: int, spring: Callable[[], None]) -> None:
    """`take` gathers the first rows of a shard, `give_back` follows a shard that was written."""
    original = getattr(Gather, method)

    def trapped(self: Gather, *arguments: Any) -> Any:
        if self.unit.index == unit:
            spring()
        return original(self, *arguments)

    setattr(Gather, method, trapped)


def _around_commit(unit: int, after: bool, spring: Callable[[], None]) -> None:
    commit = Ledger.commit

    def trapped(self: Any, index: int, *arguments: Any, **named: Any) -> bool:
        if index == unit and not after:
            spring()
        done = commit(self, index, *arguments, **named)
        if index == unit and after:
            spring()
        return done

    setattr(Ledger, "commit", trapped)  # noqa: B010 (a replacement that type checkers need not follow)
