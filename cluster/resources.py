"""What a run may use: workers, threads, GPUs and memory a worker, and how patient it is. Starts Ray.

Ray is imported inside the functions that need it. Before it runs the figures are this machine's; after, the cluster's.
"""

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cluster.errors import ClusterError

_BYTES = {"": 1, "B": 1} | {f"{p}B": 1000**i for i, p in enumerate("KMGT", 1)}
_BYTES |= {f"{p}IB": 1024**i for i, p in enumerate("KMGT", 1)}


def parse_bytes(value: object) -> int:
    """Bytes of 512MB, 4GB (powers of 1000) or 1.5GiB (powers of 1024); an int is a number of bytes already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value) if isinstance(value, str) else None
    if found is None or found[2].upper() not in _BYTES:
        raise ValueError(f"{value!r} is no amount of memory; write 512MB, 4GB or 1.5GiB")
    return int(float(found[1]) * _BYTES[found[2].upper()])


class Resources(BaseModel):
    """The study's `resources:`: where the work runs. None of it changes a result except `threads` and `device`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executor: Literal["ray", "serial"] = "ray"
    """ray: actors, on this machine or a cluster; serial: this process alone."""
    workers: int | None = Field(default=None, ge=1)
    """None: as many as CPUs / threads or GPUs / gpus allow."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of one worker."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs of one worker, fractions allowed; None: one where there are any."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory_bytes: Annotated[int, BeforeValidator(parse_bytes, json_schema_input_type=int | str), Field(gt=0)] = Field(
        default=4_000_000_000, validation_alias=AliasChoices("memory", "memory_bytes")
    )
    """What one worker may hold at once; written as `memory: 4GB`."""
    address: str | None = None
    """A running Ray cluster, `auto` for the one of this machine; None: RAY_ADDRESS, else a Ray of its own."""
    retries: int = Field(default=3, ge=0)
    """How often a failed unit is tried again."""
    failed_units: Literal["fail", "skip"] = "fail"
    """What happens to the run when a unit has used up its retries."""
    start_timeout_s: float = Field(default=180, gt=0)
    """How long to wait until the first worker comes."""
    straggler_factor: float = Field(default=10, gt=1)
    """A unit that runs this many times the median is killed and issued again..."""
    straggler_min_s: float = Field(default=120, ge=0)
    """...but never before this many seconds."""

    @model_validator(mode="after")
    def _consistent(self) -> "Resources":
        if self.gpus is not None and self.gpus > 1 and self.gpus != floor(self.gpus):
            raise ValueError(f"gpus: {self.gpus} is more than one GPU but not a whole number")
        if self.device == "cpu" and self.gpus:
            raise ValueError(f"gpus: {self.gpus} with device: cpu; leave one of them out")
        if self.device == "cuda" and self.gpus == 0:
            raise ValueError("gpus: 0 with device: cuda; leave one of them out")
        return self


@dataclass(frozen=True)
class Node:
    """CPUs and GPUs of one machine."""

    cpus: float
    gpus: float


def start(resources: Resources) -> None:
    """Starts Ray or connects to it, quietly; does nothing for the serial executor or where Ray already runs."""
    if resources.executor == "serial":
        return
    # `uv run` would have Ray build an environment for every worker; Ray reports dead workers on stdout, as events do.
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "A worker died or was killed")
    import ray

    if ray.is_initialized():
        return
    address = resources.address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # Nothing but ids and small results travel through the object store: Ray would take 30 % of the memory.
        options |= {"include_dashboard": False, "object_store_memory": 256 * 1024**2}
    with _signals_kept():
        try:
            ray.init(address=address, **options)
        except (ConnectionError, TimeoutError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ClusterError(f"No Ray at {address}: {reason} Check resources.address.") from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray's start replaces the SIGTERM handler; a run that drains needs its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def nodes(resources: Resources) -> tuple[Node, ...]:
    """Machines that a run could use: the cluster's where Ray runs, else this one."""
    if resources.executor == "ray" and _ray_runs():
        import ray

        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return tuple(Node(cpus=found.get("CPU", 0), gpus=found.get("GPU", 0)) for found in alive)
    affinity = getattr(os, "sched_getaffinity", None)
    return (Node(cpus=len(affinity(0)) if affinity else os.cpu_count() or 1, gpus=_own_gpus()),)


def _ray_runs() -> bool:
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _own_gpus() -> int:
    try:
        import torch
    except ImportError:
        return 0
    return torch.cuda.device_count()


def gpus_a_worker(resources: Resources) -> float:
    """GPUs that one worker asks for: 0 means that it computes on the CPU.

    Raises:
        ClusterError: `device: cuda` where there is no GPU.
    """
    if resources.device == "cpu":
        return 0.0
    if resources.gpus is not None:
        return float(resources.gpus)
    if any(node.gpus for node in nodes(resources)) or (resources.device == "cuda" and can_grow(resources)):
        return 1.0
    if resources.device == "cuda":
        raise ClusterError("No GPU found for resources.device: cuda. Use resources.device: auto to run on CPUs.")
    return 0.0


def device_type(resources: Resources) -> Literal["cpu", "cuda"]:
    """The device of one worker, which belongs to the plan."""
    return "cuda" if gpus_a_worker(resources) else "cpu"


def can_grow(resources: Resources) -> bool:
    """Whether nodes may still join: never for a Ray that this process started, possibly on any other cluster."""
    if resources.executor == "serial" or not _ray_runs():
        return False
    own = getattr(sys.modules["ray"]._private.worker, "_global_node", None)
    return own is None or not own.is_head()


def worker_count(resources: Resources) -> int:
    """Workers of a run, at least 1: what the study says, within what fits unless the cluster can grow."""
    if resources.executor == "serial":
        return 1
    gpus = gpus_a_worker(resources)
    fitting = sum(_room(node, resources.threads, gpus) for node in nodes(resources))
    if resources.workers is None:
        return max(1, fitting)
    return resources.workers if can_grow(resources) else max(1, min(resources.workers, fitting))


def _room(node: Node, threads: int, gpus: float) -> int:
    """How many workers one node holds; a fraction of a GPU lies on one GPU."""
    room = floor(node.cpus / threads)
    if gpus >= 1:
        return min(room, floor(node.gpus / gpus))
    # 1 / 0.1 is 10.000000000000002 the other way round: the small term keeps tenths whole.
    return min(room, floor(node.gpus) * floor(1 / gpus + 1e-9)) if gpus else room


def require_room(resources: Resources) -> None:
    """Fails at once where no worker can ever come.

    Raises:
        ClusterError: one worker asks for more CPUs or GPUs than any node has, and no node can join.
    """
    if resources.executor == "serial" or can_grow(resources):
        return
    gpus = gpus_a_worker(resources)
    if not any(_room(node, resources.threads, gpus) for node in nodes(resources)):
        raise ClusterError(f"No worker can come: {demand(resources)}. {_remedy(gpus)}")


def demand(resources: Resources) -> str:
    """What a worker asks for beside what there is, as a clause of an error."""
    gpus = gpus_a_worker(resources)
    found = nodes(resources)
    asked = f"each asks for {resources.threads} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
    largest = max(found, key=lambda node: (node.gpus, node.cpus) if gpus else (node.cpus, node.gpus))
    return f"{asked}, the largest of {len(found)} nodes has {largest.cpus:g} CPUs and {largest.gpus:g} GPUs"


def _remedy(gpus: float) -> str:
    return "Lower resources.threads or resources.gpus." if gpus else "Lower resources.threads."
