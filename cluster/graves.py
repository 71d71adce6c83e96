"""A killed worker's process must be seen dead before its units are issued again: two writers of one shard lose rows.

Ray calls an actor dead as soon as the kill is on its way, so a small task on the same node looks for the process.
"""

import os
import time

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.actors import Place
from cluster.backlog import Attempt
from cluster.errors import ClusterError

PATIENCE_S = 60.0  # a process that outlives SIGKILL this long hangs in the kernel


def gone(pid: int, timeout_s: float) -> bool:
    """Waits until no process of this machine has the id; False if it is still there in the end."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):  # no process, or another user's that got the number since
            return True
        time.sleep(0.01)
    return False


class Grave:
    """The units of a killed process, until it is seen dead."""

    def __init__(self, place: Place, attempts: list[Attempt], reason: str) -> None:
        self.reason = reason
        self._place = place
        self._attempts = attempts
        self._look()

    def attempts(self) -> list[Attempt]:
        """Its units: the one that ran first, then the one behind."""
        return list(self._attempts)

    def closed(self) -> bool:
        """Whether the process is seen dead, or its whole node is.

        Raises:
            ClusterError: the process does not die.
        """
        if not ray.wait([self._seen], timeout=0)[0]:
            return False
        try:
            dead = ray.get(self._seen)
        except RayError:
            if any(node["NodeID"] == self._place.node and node["Alive"] for node in ray.nodes()):
                self._look()
                return False
            return True
        if not dead:
            raise ClusterError(
                f"Process {self._place} of unit {self._attempts[0].unit} outlives its kill by {PATIENCE_S:.0f} s. "
                "Its file system may hang: look at the node, then run again."
            )
        return True

    def _look(self) -> None:
        here = NodeAffinitySchedulingStrategy(self._place.node, soft=False)
        look = ray.remote(gone).options(num_cpus=0, max_retries=0, scheduling_strategy=here)
        self._seen = look.remote(self._place.pid, PATIENCE_S)
