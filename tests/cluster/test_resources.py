"""The study's `resources:` are read as people write them, and workers are counted as they fit."""

import os
import signal
from types import FrameType

import pytest
from pydantic import ValidationError

from cluster import resources as module
from cluster.errors import ClusterError
from cluster.resources import (
    Node,
    Resources,
    device_type,
    gpus_a_worker,
    nodes,
    parse_bytes,
    require_room,
    start,
    worker_count,
)


@pytest.mark.parametrize(
    ("written", "count"),
    [("512MB", 512e6), ("4GB", 4e9), ("1.5GiB", 1.5 * 2**30), (" 2 kb ", 2000), ("7", 7), (123, 123), ("1tib", 2**40)],
)
def test_memory_is_read_as_written(written: str | int, count: float) -> None:
    assert parse_bytes(written) == count
    assert Resources.model_validate({"memory": written}).memory_bytes == count


@pytest.mark.parametrize("written", ["4 GBit", "many", "-1GB", "", True, 1.5, None])
def test_what_is_no_amount_of_memory_is_refused_with_the_key(written: object) -> None:
    with pytest.raises(ValidationError, match="write 512MB, 4GB or") as caught:
        Resources.model_validate({"memory": written})
    assert caught.value.errors()[0]["loc"] == ("memory",)


def test_defaults_round_trip_and_stay() -> None:
    default = Resources()
    assert (default.memory_bytes, default.retries, default.start_timeout_s) == (4_000_000_000, 3, 180)
    assert Resources.model_validate(default.model_dump()) == default
    with pytest.raises(ValidationError, match="frozen"):
        default.threads = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wrokers": 2}, "Extra inputs"),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"gpus": 1.5}, "not a whole number"),
        ({"gpus": 1, "device": "cpu"}, "leave one of them out"),
        ({"gpus": 0, "device": "cuda"}, "leave one of them out"),
        ({"memory": 0}, "greater than 0"),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Resources.model_validate(given)


CPU_NODES = (Node(cpus=8, gpus=0), Node(cpus=3, gpus=0))
GPU_NODES = (Node(cpus=16, gpus=4), Node(cpus=16, gpus=0))


@pytest.mark.parametrize(
    ("machines", "given", "workers", "gpus", "device"),
    [
        (CPU_NODES, {}, 11, 0, "cpu"),
        (CPU_NODES, {"threads": 2}, 5, 0, "cpu"),  # 4 and 1: a worker lies on one node
        (CPU_NODES, {"workers": 3}, 3, 0, "cpu"),
        (CPU_NODES, {"workers": 30}, 11, 0, "cpu"),
        (GPU_NODES, {}, 4, 1, "cuda"),
        (GPU_NODES, {"gpus": 0.5}, 8, 0.5, "cuda"),
        (GPU_NODES, {"gpus": 0.4}, 8, 0.4, "cuda"),  # two on each GPU, the rest of a GPU is nobody's
        (GPU_NODES, {"gpus": 0.1, "threads": 4}, 4, 0.1, "cuda"),
        (GPU_NODES, {"gpus": 2}, 2, 2, "cuda"),
        (GPU_NODES, {"device": "cpu"}, 32, 0, "cpu"),
        (GPU_NODES, {"gpus": 0}, 32, 0, "cpu"),
    ],
)
def test_workers_are_as_many_as_fit(
    monkeypatch: pytest.MonkeyPatch,
    machines: tuple[Node, ...],
    given: dict[str, object],
    workers: int,
    gpus: float,
    device: str,
) -> None:
    monkeypatch.setattr(module, "nodes", lambda _: machines)
    monkeypatch.setattr(module, "can_grow", lambda _: False)
    resources = Resources.model_validate(given)
    assert (worker_count(resources), gpus_a_worker(resources), device_type(resources)) == (workers, gpus, device)
    require_room(resources)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threads": 9}, r"asks for 9 CPUs, the largest of 2 nodes has 8 CPUs and 0 GPUs. Lower resources.threads.$"),
        ({"gpus": 1}, r"asks for 1 CPUs and 1 GPUs, .* Lower resources.threads or resources.gpus.$"),
        ({"device": "cuda"}, r"^No GPU found for resources.device: cuda. Use resources.device: auto"),
    ],
)
def test_what_fits_nowhere_fails_unless_the_cluster_can_grow(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, object], message: str
) -> None:
    monkeypatch.setattr(module, "nodes", lambda _: CPU_NODES)
    monkeypatch.setattr(module, "can_grow", lambda _: False)
    with pytest.raises(ClusterError, match=message):
        require_room(Resources.model_validate(given))
    monkeypatch.setattr(module, "can_grow", lambda _: True)
    require_room(Resources.model_validate(given))
    assert worker_count(Resources.model_validate(given | {"workers": 7})) == 7


def test_the_serial_executor_is_one_worker_without_ray() -> None:
    serial = Resources(executor="serial", workers=8, threads=64)
    start(serial)
    require_room(serial)
    assert worker_count(serial) == 1
    (machine,) = nodes(serial)
    assert 1 <= machine.cpus <= (os.cpu_count() or 1)


def test_a_running_ray_is_used_as_it_is(ray_session: None) -> None:
    start(Resources())
    assert [node.cpus for node in nodes(Resources())] == [2]
    assert worker_count(Resources(device="cpu")) == 2
    assert not module.can_grow(Resources())
    assert os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] == "0"


def test_starting_ray_keeps_the_handler_of_sigterm() -> None:
    def mine(number: int, frame: FrameType | None) -> None:
        """Would drain."""

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with module._signals_kept():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
