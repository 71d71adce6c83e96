"""A worker: one process that opens a task once and then does units one after the other.

A task does and commits a unit itself and answers with a small record; how it failed travels as plain text, so that no
answer can fail to unpickle in the driver.
"""

import os
import pickle
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.errors import ClusterError, Refused


class Task(Protocol):
    """Does one unit and commits it; a second attempt of a committed unit must leave it as it is."""

    def __call__(self, unit: int, attempt: str) -> dict[str, Any]:
        """Does `unit`; `attempt` is unique among all attempts of all runs. Returns the small record of the unit.

        `items` in the record is the number of images, for the listeners.

        Raises:
            Refused: the unit cannot be done, ever: the run fails at once. Any other exception is tried again.
        """
        ...


class TaskFactory(Protocol):
    """What is pickled and sent to a worker: it says how a task is opened there."""

    def open(self) -> Task:
        """Opens the task: networks, images, stores. Called once in each worker's process."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a worker says of one unit, or of opening its task."""

    record: dict[str, Any] | None
    """The task's record; None where it failed."""
    seconds: float = 0.0
    reason: str = ""
    detail: str = ""
    """The traceback."""
    refusal: Refused | None = None


@dataclass(frozen=True)
class Place:
    """Where a worker's process runs."""

    node: str
    address: str
    pid: int

    def __str__(self) -> str:
        return f"{self.address}:{self.pid}"


def limit_threads(count: int) -> None:
    """Lets this process compute with `count` threads: OpenMP, BLAS and torch, loaded already or later.

    Both executors call it before a task is opened and after, and whoever computes in the driver under the same plan
    should too: sums depend on the number of threads in their last bits.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    threadpool_limits(count)
    # A torch that is imported later reads OMP_NUM_THREADS; importing it here would cost seconds where none is needed.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def attempt_answer(task: Task, unit: int, attempt: str) -> Answer:
    """Does one unit and turns what happens, exceptions included, into an answer."""
    began = time.perf_counter()
    try:
        record = task(unit, attempt)
    except Exception as error:
        return failure(error)
    return Answer(record=record, seconds=time.perf_counter() - began)


def failure(error: Exception) -> Answer:
    """The answer that tells of `error`."""
    message = str(error).strip()
    reason = f"{type(error).__name__}: {message.splitlines()[0]}" if message else type(error).__name__
    refusal = portable(error) if isinstance(error, Refused) else None
    return Answer(
        record=None,
        reason=reason,
        detail="".join(traceback.format_exception(error)),
        refusal=refusal if refusal is None or isinstance(refusal, Refused) else Refused(message),
    )


def portable(error: Exception) -> Exception:
    """`error` if it survives pickling, else a ClusterError of the same text; both with the traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = None
    if type(copy) is type(error):
        return error
    plain = ClusterError(f"{type(error).__name__}: {error}")
    plain.add_note(error.__notes__[-1])
    return plain


class Worker:
    """The Ray actor. One call at a time, in order: the oldest call in flight is the one that runs."""

    def __init__(self) -> None:
        self._task: Task | None = None

    def ping(self) -> Place:
        """Answers as soon as the process runs."""
        import ray

        return Place(
            node=ray.get_runtime_context().get_node_id(), address=ray.util.get_node_ip_address(), pid=os.getpid()
        )

    def open(self, factory: TaskFactory, threads: int) -> Answer:
        """Opens the task, with `threads` threads."""
        limit_threads(threads)
        try:
            self._task = factory.open()
        except Exception as error:
            return failure(error)
        limit_threads(threads)
        return Answer(record={})

    def do(self, unit: int, attempt: str) -> Answer:
        """Does one unit."""
        # Ray sends an answer from another thread after the call: a process that dies within the first instant of a unit
        # would take the answer of the unit before with it, and that one would be blamed.
        time.sleep(0.002)
        if self._task is None:
            return failure(ClusterError("a unit came before its task was opened"))
        return attempt_answer(self._task, unit, attempt)


def cause_of_death(error: Exception) -> str:
    """One line of what Ray tells about a dead process in many."""
    text = str(error)
    if "low on memory" in text or "OutOfMemory" in type(error).__name__:
        return "its process was killed because the node ran out of memory; lower resources.workers"
    if "node died" in text.lower() or "NodeDied" in type(error).__name__:
        return "its node died"
    for line in text.splitlines():
        if "exit detail:" in line:
            return f"its process died: {line.split('exit detail:')[1].strip().split('. ')[0]}"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"its process died: {lines[-1].strip() if lines else type(error).__name__}"
