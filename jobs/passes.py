"""Which passes over the images a study still needs: its steps cut into blocks, blocks packed into passes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.blobs import Blobs
from jobs.errors import UserError
from jobs.extract import Part, Pass
from jobs.inputs import Inputs
from jobs.memory import PROCESS_BYTES, limit_bytes, projection, require_fit
from jobs.plan import Plan, step_key
from jobs.prepare import selected
from jobs.results import read_results
from jobs.step_tasks import StepTasks
from jobs.steps.registry import bind, prerequisites
from jobs.steps.step import HasTasks, Results, Step, TakesResults
from jobs.study import Study

STORE = "extract"
STORE_VERSION = 1


@dataclass(frozen=True)
class Work:
    """One step of the study: its key, and its blocks with their ledgers."""

    step: Step
    name: str
    """`<step>-<key8>`: names its ledgers and results."""
    parts: tuple[Part, ...]
    from_store: bool
    after: tuple[str, ...] = ()
    """Names of the works whose results its step takes in before its own pass."""

    def informed(self, run: Blobs) -> "Work":
        """With the results of the works before it, which have finished."""
        if not self.after:
            return self
        results = [read_results(run, name) or {} for name in self.after]
        step, *blocks = (_taking(one, results) for one in (self.step, *(part.step for part in self.parts)))
        parts = tuple(replace(part, step=block) for part, block in zip(self.parts, blocks, strict=True))
        return replace(self, step=step, parts=parts)


@dataclass(frozen=True)
class Layout:
    """Everything a study asks of the images."""

    plan: Plan
    works: tuple[Work, ...]
    stored: tuple[str, ...]
    """Layers in the store, by `net/layer`."""
    store_ledger: str

    def stages(self) -> tuple[tuple[Work, ...], ...]:
        """Works that need the images alone, and those that need the results of these too."""
        first, then = (tuple(work for work in self.works if bool(work.after) is later) for later in (False, True))
        return (first, then) if then else (first,)

    def all_passes(self, inputs: Inputs) -> list[Pass]:
        """Every pass of a study that has not begun. Raises as `passes` does."""
        return [one for stage in self.stages() for one in self.passes(inputs, stage)]

    def tasks(self, inputs: Inputs, unfinished: Sequence[Work]) -> list[StepTasks]:
        """Separate tasks of the unfinished works."""
        return [
            StepTasks(inputs, self.plan, work.step, work.name, self.store_ledger)
            for work in unfinished
            if isinstance(work.step, HasTasks)
        ]

    def passes(self, inputs: Inputs, unfinished: Sequence[Work]) -> list[Pass]:
        """Passes over the images that serve the unfinished works of a stage, the store first since others may read it.

        UserError where one would hold more than a worker may.
        """
        memory = inputs.study.resources.memory_bytes
        room = _room(inputs.study, self.plan, self.stored, [work.step for work in self.works])
        forward = [part for work in unfinished if not work.from_store for part in work.parts]
        reading = [part for work in unfinished if work.from_store for part in work.parts]
        # Works that take results come later, when the store is there.
        stored = () if any(work.after for work in unfinished) else self.stored
        first = Pass(inputs, self.plan, (), stored, self.store_ledger)
        found: list[Pass] = []
        for group in _packed(forward, self.plan, room):
            found.append(replace(first, parts=group) if not found else Pass(inputs, self.plan, group))
        if stored and not found:
            found.append(first)
        for group in _packed(reading, self.plan, room):
            found.append(Pass(inputs, self.plan, group, store_ledger=self.store_ledger, from_store=True))
        for one in found:
            require_fit(projection(self.plan, [part.step for part in one.parts], one.store), memory)
        return found


def layout(study: Study, plan: Plan) -> Layout:
    """The study's steps over a plan, with keys; UserError where a step's layers are neither computed nor stored."""
    stored = selected(plan, study.extract.store, "extract.store")
    statistics = study.extract.statistics
    computed = {key for key in plan.shapes if plan.is_checkpoint(key)}
    computed |= set(plan.shapes if statistics is None else selected(plan, statistics, "extract.statistics"))
    store_name = f"{STORE}-{step_key(plan, STORE, STORE_VERSION, {'layers': sorted(stored)})[:8]}"
    steps = bind(study, plan)
    room = _room(study, plan, stored, steps)

    def work(step: Step) -> Work:
        from_store = bool(step.needs().layers - computed)
        _require_there(step, plan, computed, set(stored))
        source = f"{STORE} {STORE_VERSION}" if from_store else "forward"
        # A block's ledger is named by its own layers: with other memory, and so other blocks, none is mistaken.
        parts = tuple(Part(block, _key_name(plan, block, source)) for block in step.split(plan, room))
        after = tuple(work(one).name for one in prerequisites(step))
        return Work(step, _key_name(plan, step, source), parts, from_store, after)

    once = {made.name: made for made in map(work, steps)}
    return Layout(plan, tuple(once.values()), stored, store_name)


def _taking(step: Step, results: list[Results]) -> Step:
    return step.informed(results) if isinstance(step, TakesResults) else step


def _require_there(step: Step, plan: Plan, computed: set[str], stored: set[str]) -> None:
    """UserError where layers are not all computed, or all stored; the store holds no outputs and no checkpoints."""
    needs = step.needs()
    missing = sorted(needs.layers - computed)
    if missing and (needs.logits or any(plan.is_checkpoint(layer) for layer in needs.layers)):
        raise UserError(
            f"steps.{step.name}: it needs what is computed with the network (outputs or checkpoints), and "
            f"{missing[0]} is not in extract.statistics: add it there."
        )
    absent = sorted(needs.layers - stored) if missing else []
    if absent:
        raise UserError(
            f"steps.{step.name}: {absent[0]} is neither in extract.statistics nor in extract.store: add it to one."
        )
    unstored = sorted(needs.stored - stored)
    if unstored:
        raise UserError(
            f"steps.{step.name}: it reads {unstored[0]} again when it finishes; add that layer to extract.store."
        )


def _room(study: Study, plan: Plan, stored: Sequence[str], steps: Sequence[Step]) -> int:
    """Largest result of a pass beside what a worker holds anyway: networks, images, activations and the writer."""
    beside = projection(plan, (), stored, steps).total - PROCESS_BYTES
    return limit_bytes(study.resources.memory_bytes - beside)


def _key_name(plan: Plan, step: Step, source: str) -> str:
    """`<step>-<key8>` of a step or of a block of it; statistics of stored activations are not those of the pass."""
    identity = {**step.identity(), "source": source}
    return f"{step.name}-{step_key(plan, step.name, step.version, identity)[:8]}"


def _packed(parts: Sequence[Part], plan: Plan, limit: int) -> list[tuple[Part, ...]]:
    """Parts in order, each once, as many to a pass as fit under the limit together."""
    groups: list[list[Part]] = []
    size = 0
    for part in {part.ledger: part for part in parts}.values():
        bytes_here = part.step.result_bytes(plan)
        if groups and size + bytes_here <= limit:
            groups[-1].append(part)
            size += bytes_here
        else:
            groups.append([part])
            size = bytes_here
    return [tuple(group) for group in groups]
