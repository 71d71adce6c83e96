"""What a worker will hold, projected before anything runs, and the refusal of what cannot fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from analysis.comoments import BLOCK_ROWS
from cluster.geometry import LayerGeometry, layer_geometry
from cluster.writer import writer_bytes
from jobs.errors import UserError
from jobs.plan import Plan
from jobs.steps.step import Needs, Step, WritesRows

PROCESS_BYTES = 1_100_000_000
"""A worker before any network: 950 MB measured with torch, torchvision, Zarr and scikit-learn; 990 if it draws."""

FORWARD_COPIES = 3
"""Largest layers that a forward pass holds at once: input, output and the library's own buffer."""

BACKWARD_VALUES = 4 * 3 * 224 * 224
"""Values of the images that go at once through a network whose gradients are taken."""

BACKWARD_LAYERS = 40
"""Outputs as large as the largest studied one that such a pass keeps: maps shrink with depth."""

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


def projection(
    plan: Plan, blocks: Sequence[Step], stored: Sequence[str], together: Sequence[Step] | None = None
) -> Projection:
    """What one worker holds while it computes a pass of `blocks` and writes the `stored` layers.

    `together`: all the steps that read the same batches and write, where more than these blocks share the pass.
    """
    together = blocks if together is None else together
    needs = all_needs(together)
    shards = [layer_geometry(plan.shapes[layer], plan.dtype, plan.unit).shard_bytes for layer in stored]
    shards += [geometry.shard_bytes for step in together for geometry in written(step, plan).values()]
    inputs = {(net.preprocess, net.in_shape) for net in plan.nets.values()}  # networks of one input share it
    return Projection(
        process=PROCESS_BYTES,
        networks=sum(net.parameters for net in plan.nets.values()) * 4,
        images=2 * plan.batch * sum(prod(shape) for _, shape in inputs) * 4,
        activations=_activation_bytes(plan, needs, stored),
        statistics=RESULT_COPIES * sum(block.result_bytes(plan) for block in blocks),
        writer=writer_bytes(shards),
    )


def written(step: Step, plan: Plan) -> dict[str, LayerGeometry]:
    """What a step writes of every image, by name: float32, since gradients go below what float16 holds."""
    shapes = step.rows(plan) if isinstance(step, WritesRows) else {}
    return {name: layer_geometry(shape, "float32", plan.unit) for name, shape in shapes.items()}


def backward_images(in_shape: Sequence[int]) -> int:
    """Images that go at once through a network whose gradients are taken."""
    return max(1, BACKWARD_VALUES // prod(in_shape))


def all_needs(steps: Sequence[Step]) -> Needs:
    """What steps together read of every batch."""
    needs = Needs()
    for step in steps:
        needs = needs.union(step.needs())
    return needs


def _activation_bytes(plan: Plan, needs: Needs, stored: Sequence[str]) -> int:
    """What is kept of a batch (samples twice: as taken, and as steps put layers side by side), and the forward pass."""
    whole = sum(prod(plan.shapes[layer]) for layer in needs.maps.union(stored))
    sampled = sum(plan.units_of(layer) * plan.positions_of(layer)[0] for layer in needs.samples)
    largest = max((prod(shape) for shape in plan.shapes.values()), default=0)
    seen = sum(prod(plan.nets[net].in_shape) for net in needs.images)
    together = max((backward_images(plan.nets[net].in_shape) for net in needs.images), default=0)
    backward = min(together, plan.batch) * BACKWARD_LAYERS * largest
    return 4 * (plan.batch * (whole + 2 * sampled + seen + FORWARD_COPIES * largest) + backward + BLOCK_ROWS)


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
