"""The training loop on several workers by Ray Train: each takes a share of every batch, gradients are summed.

Every worker draws the same order and moves the same weights, so the loop and its hooks are those of one worker; batch
norms normalize a worker's share by itself, and keep the mean of all workers' statistics. Weights and epochs are kept by
the first worker, in a folder that all machines share or in a bucket.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from analysis.dynamics.objective import NoLogitsError, Objective, classification
from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.train import Augment, Curves, DivergedError, Hook, TrainState, train
from cluster.resources import Resources, start
from jobs.errors import FailedError, UserError

ROOM_S = 20.0
"""How long room for the workers is waited for: what has just ended gives its CPUs back within seconds."""


class Shared:
    """An objective of which each worker computes its rows of a batch; its value is that of the whole batch."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def __call__(self, net: nn.Module, batch: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The whole batch's loss, whose gradient is that of the worker's part of it, and right answers."""
        if not net.training:
            return self.objective(net, batch, target)
        rank, workers = dist.get_rank(), dist.get_world_size()
        part, wanted = batch.tensor_split(workers)[rank], target.tensor_split(workers)[rank]
        loss, hits = self.objective(net, part, wanted)
        loss = loss * (len(part) / len(batch))
        whole = torch.stack([loss.detach().double(), hits.double()])
        dist.all_reduce(whole)
        return loss + (whole[0].to(loss.dtype) - loss).detach(), whole[1]


class OneNetwork(Hook):
    """Every worker holds the same network: gradients are summed before other hooks see them, statistics averaged."""

    def after_backward(self, net: nn.Module, step: int) -> None:
        """Each gradient becomes the sum over all workers."""
        gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
        _reduce(gradients, 1.0)

    def after_step(self, net: nn.Module, step: int) -> None:
        """Running statistics of norms that learn become their mean; a frozen norm's are equal already."""
        learning = [module for module in net.modules() if module.training]
        buffers = [buffer for module in learning for buffer in module.buffers(recurse=False)]
        _reduce([buffer for buffer in buffers if buffer.is_floating_point()], 1 / dist.get_world_size())


def _reduce(tensors: list[Tensor], scale: float) -> None:
    """Each becomes its sum over all workers times `scale`; in one message."""
    if not tensors:
        return
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(whole)
    for tensor, values in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(scale * values.view_as(tensor))


@dataclass(frozen=True)
class _Job:
    """What every worker is sent."""

    net: nn.Module
    images: Tensor
    labels: Tensor
    options: TrainOptions
    more: dict[str, Any]
    on_epoch: Callable[[TrainState], None] | None
    threads: int


def train_on_workers(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    options: TrainOptions,
    *,
    workers: int,
    device: str = "cpu",
    objective: Objective = classification,
    test: tuple[Tensor, Tensor] | None = None,
    augment: Augment | None = None,
    hooks: Sequence[Hook] = (),
    on_epoch: Callable[[TrainState], None] | None = None,
    state: TrainState | None = None,
) -> Curves:
    """As `analysis.dynamics.train.train`, on so many workers; `on_epoch` is called in the first of them.

    device: "cpu", or "cuda" for a GPU each; `net` itself stays on the CPU. The same number of workers gives the same
    bits; without batch norm and dropout, one worker's to float32 rounding. Raises UserError without Ray Train, where
    there is no room for the workers, and where a step has fewer images than there are workers; FailedError where one
    of them died.
    """
    smallest = len(images) // -(-len(images) // options.batch)
    if smallest < workers:
        remedy = "raise train.batch or lower" if smallest < len(images) else "lower"
        raise UserError(f"train.workers: {workers} cannot share steps of {smallest} images; {remedy} train.workers.")
    more = {"objective": Shared(objective), "test": test, "augment": augment, "state": state,
            "hooks": [OneNetwork(), *hooks]}  # fmt: skip
    job = _Job(net.cpu(), images, labels, options, more, on_epoch, torch.get_num_threads())
    found = _fitted(job, workers, device.startswith("cuda"))
    if isinstance(found, Exception):
        raise found
    weights, curves = found
    net.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    net.eval()
    return curves


def _fitted(job: _Job, workers: int, on_gpu: bool) -> Any:
    """What the first worker returns."""
    try:
        import ray
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise UserError(f"train.workers: {workers} needs Ray Train: pip install 'vitrine[train]'.") from error
    resources = {"CPU": job.threads} | ({"GPU": 1} if on_gpu else {})
    _require_room(workers, resources)
    with tempfile.TemporaryDirectory() as place:  # for what Ray Train writes; nothing is reported or kept there
        trainer: Any = TorchTrainer(  # Any: by its types it is that of older versions, whose results hold no value
            _work,
            train_loop_config={"job": ray.put(job)},
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=on_gpu, resources_per_worker=resources),
            run_config=RunConfig(storage_path=place),
        )
        try:
            return trainer.fit().return_value
        except TrainingFailedError as error:
            reason = str(error).strip().splitlines()[0]
            raise FailedError(f"{workers} workers stopped training ({reason}); run it again to go on.") from error


def _require_room(workers: int, each: dict[str, int]) -> None:
    """UserError where workers would wait for ever."""
    start(Resources())
    deadline = time.monotonic() + ROOM_S
    while lacking := _lacking(workers, each):
        if time.monotonic() > deadline:
            raise UserError(f"train.workers: {workers} need {lacking}; lower train.workers or resources.threads.")
        time.sleep(0.5)


def _lacking(workers: int, each: dict[str, int]) -> str:
    import ray

    free = ray.available_resources()
    short = {name: count for name, count in each.items() if free.get(name, 0.0) < workers * count}
    return ", ".join(
        f"{workers * count} {name}s of which {free.get(name, 0.0):g} are free" for name, count in short.items()
    )


def _work(config: dict[str, Any]) -> Any:
    """In each worker; what the first returns is kept: weights and curves, or what the loop raised in all of them."""
    import ray
    from ray.train.torch import get_device

    job: _Job = ray.get(config["job"])
    torch.set_num_threads(job.threads)
    on_epoch = job.on_epoch if dist.get_rank() == 0 else None
    net = job.net.to(get_device())
    try:
        curves = train(net, job.images, job.labels, job.options, on_epoch=on_epoch, **job.more)
    except (DivergedError, NoLogitsError) as error:
        return error
    return {name: tensor.cpu().numpy() for name, tensor in net.state_dict().items()}, curves  # tensors may not travel
