"""Run a study to its end: prepare, pass over the images, finish the steps, draw, report. Each part resumes."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.actors import limit_threads
from cluster.blobs import Blobs, open_blobs
from cluster.folder import Folder
from cluster.ledger import Ledger, Record
from cluster.merge import climb, root, sweep
from cluster.resources import start
from cluster.scheduler import run_units
from cluster.stop import Drained, Stop
from cluster.store import ActivationStore
from jobs.errors import FailedError, UserError
from jobs.extract import Pass
from jobs.inputs import Inputs
from jobs.memory import with_fitting_groups
from jobs.passes import Layout, Work, layout
from jobs.plan import Plan, versions
from jobs.prepare import draft, require_writable, settled, train_all, untrained, with_states
from jobs.report.compose import compose
from jobs.results import is_finished, write_results
from jobs.retraining import require_trainable
from jobs.step_tasks import perform_all
from jobs.steps.registry import bind
from jobs.steps.step import HasTasks
from jobs.study import Study
from jobs.views import Views

MANIFEST = "manifest.json"
"""What the run holds, written last."""

Watch = Callable[[str, int, int], "Any"]
"""Opens progress for (label, images in all, images done before): a context manager that yields a Listener."""


@dataclass(frozen=True)
class Finished:
    """Where a finished run lies."""

    folder: str
    report: str
    seconds: float
    computed_units: int


def run(study: Study, *, allow_code: tuple[str, ...], watch: Watch, stop: Stop) -> Finished:
    """Run or resume a study. Raises UserError, FailedError, or Drained where a signal stopped it."""
    began = time.perf_counter()
    inputs = Inputs(study, open_blobs(study.runs), allow_code)
    limit_threads(study.resources.threads)  # bits of the driver's own products are the plan's too
    if study.resources.address or os.environ.get("RAY_ADDRESS"):
        start(study.resources)  # a cluster may have GPUs that this machine lacks; a Ray of our own starts when needed
    plan, manifest = draft(inputs)
    plan = with_fitting_groups(plan, bind(study, plan), study.resources.memory_bytes)
    found = layout(study, plan)  # every mistake in the steps shows before anything is trained or written
    found.all_passes(inputs)  # and so does a pass that cannot fit
    require_trainable(inputs, found.plan, [work.step for work in found.works])
    require_writable(inputs.root)
    waiting = untrained(inputs, plan)
    with _alone(open_blobs(f"{inputs.root.url}/{plan.folder}")):
        _train(inputs, plan, waiting, watch, stop)
        plan, folder = settled(inputs, with_states(inputs, plan), manifest)
        found = layout(study, plan)
        computed = _compute(inputs, found, folder, watch, stop)
        _finish(inputs, found, folder, time.perf_counter() - began, computed)
    return Finished(folder.url, f"{folder.url}/report/index.html", time.perf_counter() - began, computed)


def _train(inputs: Inputs, plan: Plan, waiting: list[str], watch: Watch, stop: Stop) -> None:
    if waiting:
        with watch("training", len(waiting), 0) as listener:
            train_all(inputs, plan, waiting, on_event=listener, stop=stop)
    if stop.requested:
        raise Drained("stopped before the images were run")


def _compute(inputs: Inputs, found: Layout, folder: Blobs, watch: Watch, stop: Stop) -> int:
    """Every pass that is not complete, stage by stage; the number of units computed."""
    computed = 0
    folder.sweep()
    views = Views(inputs, found.plan, folder, found.store_ledger)
    for stage in found.stages():
        unfinished = [work.informed(folder) for work in stage if not is_finished(folder, work.name)]
        for one in found.passes(inputs, unfinished):
            computed += _complete(one, inputs.study, folder, watch, stop)
        for tasks in found.tasks(inputs, unfinished):
            computed += perform_all(tasks, watch, stop)
        for work in unfinished:
            write_results(folder, work.name, _merged(work, views), found.plan)
    return computed


def _complete(one: Pass, study: Study, folder: Blobs, watch: Watch, stop: Stop) -> int:
    """What is missing of one pass; the number of units computed."""
    plan, layers = one.plan, one.written()
    if layers:
        ActivationStore.create(folder, layers, plan.rows, plan.unit)
    for ledger in one.ledgers().values():
        sweep(ledger)
    one.pass_over()
    missing = one.missing()
    bad = _BadImages(study, plan, one.ledgers(), missing)
    if missing:
        _require_same_torch(plan, folder)
        _run_pass(one, missing, bad, study, watch, stop)
    return len(missing)


def _require_same_torch(plan: Plan, folder: Blobs) -> None:
    """Units of one run must come from one version: another may round otherwise."""
    before, now = plan.versions["torch"], versions()["torch"]
    if before != now:
        raise UserError(
            f"{folder.url} was begun with torch {before} and this is {now}: install torch=={before} to go on, "
            "or rename the study for a new run."
        )


def _run_pass(one: Pass, missing: list[int], bad: "_BadImages", study: Study, watch: Watch, stop: Stop) -> None:
    plan, ledgers = one.plan, one.ledgers()

    def done(unit: int, record: Record) -> None:
        bad.add(record)
        for part in one.parts:
            climb(ledgers[part.ledger], part.step.merge, unit)

    def skipped(unit: int, reason: str) -> None:
        for ledger in ledgers.values():
            ledger.skip(unit, reason)

    rows = sum(min(plan.unit, plan.rows - unit * plan.unit) for unit in missing)
    label = "reading the store" if one.from_store else "images"
    with watch(label, plan.rows, plan.rows - rows) as listener:
        outcome = run_units(
            one, missing, study.resources.model_copy(update={"device": plan.device}),
            on_event=listener, on_done=done, on_skip=skipped, stop=stop,
        )  # fmt: skip
    if outcome.failure:
        raise FailedError(outcome.failure)
    if outcome.drained:
        raise Drained(f"stopped with {len(missing) - len(outcome.done)} of {one.units} units left")


class _BadImages:
    """Counts undecodable images over the whole run and fails it beyond the study's limit."""

    def __init__(self, study: Study, plan: Plan, ledgers: dict[str, Ledger], missing: list[int]):
        self.limit, self.rows = study.images.max_bad, plan.rows
        self.found: dict[str, str] = {}
        waiting = set(missing)
        for ledger in ledgers.values():
            for unit, record in ledger.records():
                if unit not in waiting:
                    self.add(record)

    def add(self, record: Record) -> None:
        """Count a unit's bad images."""
        self.found |= {bad["id"]: bad["reason"] for bad in record.get("bad", ())}
        if len(self.found) > self.limit * self.rows:
            name, reason = next(iter(self.found.items()))
            raise FailedError(
                f"{len(self.found)} of {self.rows} images cannot be decoded, first {name} ({reason}); "
                f"repair or remove them, or raise images.max_bad from {self.limit}."
            )


def _merged(work: Work, views: Views) -> dict[str, Any]:
    """The step's results from the merged sums of all its blocks."""
    plan = views.plan
    units = -(-plan.rows // plan.unit)
    ledgers = [(part.step, Ledger(views.run, part.ledger, units)) for part in work.parts]
    if isinstance(work.step, HasTasks):
        ledgers.append((work.step, Ledger(views.run, work.name, work.step.tasks(plan))))
    arrays: dict[str, Any] = {}
    for step, ledger in ledgers:
        found = root(ledger, step.merge)
        if found is None:
            raise FailedError(f"{work.name}: every unit was skipped, so there is nothing to finish.")
        arrays |= found
    return work.step.finish(plan, arrays, views)


def _finish(inputs: Inputs, found: Layout, folder: Blobs, seconds: float, computed: int) -> None:
    """Figures and the report, then the manifest; nothing where the same steps were drawn before."""
    if not computed and folder.exists(MANIFEST):
        drawn = json.loads(folder.read(MANIFEST))
        if drawn == _manifest(found, drawn["figures"]):
            return
    draw(inputs, found, folder, seconds)


def draw(inputs: Inputs, found: Layout, folder: Blobs, seconds: float | None = None) -> None:
    """Draw every figure and the report again from the results, then write the manifest."""
    plates = compose(inputs, found, folder, seconds)
    folder.write(MANIFEST, json.dumps(_manifest(found, plates), indent=1).encode())


def _manifest(found: Layout, plates: list[str]) -> dict[str, Any]:
    parts = [part for work in found.works for part in work.parts]
    written = {part.ledger: names for part in parts if (names := list(part.written(found.plan)))}
    return {
        "run": found.plan.key, "steps": [work.name for work in found.works], "figures": plates,
        "stored": list(found.stored), "store_ledger": found.store_ledger if found.stored else None, "written": written,
    }  # fmt: skip


@contextmanager
def _alone(folder: Blobs) -> Iterator[None]:
    """One driver a run on this machine; the lock goes with the process, however it ends."""
    if not isinstance(folder, Folder):
        yield
        return
    path = Path(folder.url) / "driver.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{folder.url}: another vitrine run is working on it; wait for it or stop it.") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
