"""What a worker will hold, projected before anything runs, and the refusal of what cannot fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from analysis.comoments import BLOCK_ROWS
from cluster.geometry import layer_geometry
from cluster.writer import writer_bytes
from jobs.errors import UserError
from jobs.plan import Plan
from jobs.steps.step import Step

PROCESS_BYTES = 1_100_000_000
"""A worker before any network: 950 MB measured with torch, torchvision, Zarr and scikit-learn; 990 if it draws."""

FORWARD_COPIES = 3
"""Largest layers that a forward pass holds at once: input, output and the library's own buffer."""

RESULT_COPIES = 4
"""A block's result is held so often at once: summed, copied, packed and merged. The design's quarter of the memory."""


@dataclass(frozen=True)
class Projection:
    """Bytes of one worker, by what they are for."""

    process: int
    networks: int
    images: int
    activations: int
    statistics: int
    writer: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {gigabytes(size)}" for name, size in vars(self).items())


def projection(plan: Plan, blocks: Sequence[Step], stored: Sequence[str]) -> Projection:
    """What one worker holds while it computes a pass of `blocks` and writes the `stored` layers."""
    largest = max((prod(shape) for shape in plan.shapes.values()), default=0) * 4 * plan.batch
    kept = sum(prod(shape) for shape in plan.shapes.values()) * 4 * plan.batch
    shards = [layer_geometry(plan.shapes[layer], plan.dtype, plan.unit).shard_bytes for layer in stored]
    return Projection(
        process=PROCESS_BYTES,
        networks=sum(net.parameters for net in plan.nets.values()) * 4,
        images=2 * plan.batch * sum(prod(net.in_shape) for net in plan.nets.values()) * 4,
        activations=kept + FORWARD_COPIES * largest + BLOCK_ROWS * 4,
        statistics=RESULT_COPIES * sum(block.result_bytes(plan) for block in blocks),
        writer=writer_bytes(shards),
    )


def limit_bytes(memory_bytes: int) -> int:
    """Largest result of a block: a quarter of what the process leaves."""
    return max(memory_bytes - PROCESS_BYTES, 0) // RESULT_COPIES


def with_fitting_groups(plan: Plan, steps: Sequence[Step], memory_bytes: int) -> Plan:
    """The plan with as many groups of images as let every smallest block fit; UserError where even one does not."""
    limit = limit_bytes(memory_bytes)
    while True:
        largest = max((part.result_bytes(plan) for step in steps for part in step.split(plan, 0)), default=0)
        if largest <= limit:
            return plan
        if plan.groups == 1:
            least = PROCESS_BYTES + largest * RESULT_COPIES
            raise UserError(
                f"resources.memory: the smallest block of sums takes {gigabytes(largest)}, {RESULT_COPIES} times while "
                f"it is merged, and the process {gigabytes(PROCESS_BYTES)}, but a worker may use "
                f"{gigabytes(memory_bytes)}: raise resources.memory above {ceil(least / 1e6)}MB, or leave the widest "
                "layer out."
            )
        plan = plan.model_copy(update={"groups": plan.groups // 2})


def require_fit(projected: Projection, memory_bytes: int) -> None:
    """UserError with every figure where a worker would hold more than it may."""
    if projected.total > memory_bytes:
        raise UserError(
            f"resources.memory: a worker would hold {gigabytes(projected.total)} ({projected}) but may use "
            f"{gigabytes(memory_bytes)}: lower images.batch or extract.store, or raise resources.memory to "
            f"{ceil(projected.total / 1e6)}MB."
        )


def gigabytes(size: float) -> str:
    """A size as people read it: 1.2 GB, 35 MB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
