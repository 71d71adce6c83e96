"""One pass over the images: what a worker does with a unit, from decoding to the commit.

Decode, forward, statistics on the device, background writer, commit. A pass serves the store and every step that still
lacks the unit; each has its own ledger, so a resume repeats only what is missing.
"""

import os
import platform
import time
from dataclasses import dataclass

import numpy as np

from cluster.actors import Task
from cluster.allocator import keep_freed_memory
from cluster.blobs import Blobs, open_blobs
from cluster.errors import Refused
from cluster.ledger import Ledger, Record
from cluster.store import ActivationStore, UnitWriter
from cluster.units import Unit, cut
from jobs.batches import Forward, Stored
from jobs.errors import UserError
from jobs.images.manifest import Manifest
from jobs.inputs import Inputs
from jobs.memory import all_needs
from jobs.plan import Plan
from jobs.steps.step import Needs, Reducer, Step

IMAGES = "images.jsonl.gz"
"""The manifest in the run's folder."""


@dataclass(frozen=True)
class Part:
    """A block of a step, and the name of its ledger."""

    step: Step
    ledger: str


@dataclass(frozen=True)
class Pass:
    """What to do with every unit; opened once in each worker."""

    inputs: Inputs
    plan: Plan
    parts: tuple[Part, ...]
    store: tuple[str, ...] = ()
    """Layers to write, by `net/layer`."""
    store_ledger: str = ""
    """Ledger of the stored layers, to write or to read."""
    from_store: bool = False
    """Read activations back instead of computing them."""

    def open(self) -> Task:
        """The worker's task; Refused where the study itself is at fault."""
        try:
            return UnitTask(self)
        except UserError as error:
            raise Refused(str(error)) from error

    @property
    def run(self) -> Blobs:
        """The run's folder."""
        return open_blobs(f"{self.inputs.root.url}/{self.plan.folder}")

    @property
    def units(self) -> int:
        """Number of units."""
        return len(cut(self.plan.rows, self.plan.unit))

    def ledgers(self) -> dict[str, Ledger]:
        """Every ledger that the pass writes, by name."""
        names = [part.ledger for part in self.parts] + ([self.store_ledger] if self.store else [])
        return {name: Ledger(self.run, name, self.units) for name in names}

    def missing(self) -> list[int]:
        """Units that some ledger lacks."""
        return sorted({unit for ledger in self.ledgers().values() for unit in ledger.missing()})

    def pass_over(self) -> None:
        """Skip, when reading, the units that the store had to do without."""
        if self.from_store:
            for unit, reason in Ledger(self.run, self.store_ledger, self.units).skipped().items():
                for ledger in self.ledgers().values():
                    ledger.skip(unit, reason)

    def needs(self) -> Needs:
        """What all parts together read."""
        return all_needs([part.step for part in self.parts])


class UnitTask:
    """Does units of one pass in one worker."""

    def __init__(self, work: Pass):
        keep_freed_memory()
        self.work, self.ledgers = work, work.ledgers()
        self.units = cut(work.plan.rows, work.plan.unit)
        manifest = Manifest.load(work.run.read(IMAGES))
        self.store = ActivationStore.open(work.run) if work.store or work.from_store else None
        if self.store is not None and work.store:
            self.store = self.store.only(work.store)
        self.batches: Forward | Stored
        if work.from_store:
            assert self.store is not None
            held = Ledger(work.run, work.store_ledger, work.units)
            self.batches = Stored(work.plan, manifest, work.needs(), self.store, held)
        else:
            self.batches = Forward(work.inputs, work.plan, manifest, work.needs(), frozenset(work.store))

    def __call__(self, unit: int, attempt: str) -> Record:
        """Compute a unit and commit it to every ledger that lacks it; Refused where the study itself is at fault."""
        try:
            return self._committed(unit, attempt)
        except UserError as error:
            raise Refused(str(error)) from error

    def _committed(self, unit: int, attempt: str) -> Record:
        began, whole = time.perf_counter(), self.units[unit]
        parts = [part for part in self.work.parts if self.ledgers[part.ledger].record(unit) is None]
        reducers = [(part, part.step.reducer(self.work.plan)) for part in parts]
        writes = bool(self.work.store) and self.ledgers[self.work.store_ledger].record(unit) is None
        if not parts and not writes:  # an earlier attempt committed all of it and died before it could say so
            return {"attempt": attempt, "items": whole.rows}
        bad: list[dict[str, str]] = []
        shards: Record = {}
        if writes:
            assert self.store is not None
            with self.store.writer(whole) as writer:
                self._reduce(whole, reducers, writer, bad)
                shards = writer.close()
        else:
            self._reduce(whole, reducers, None, bad)
        record: Record = {
            "attempt": attempt, "rows": [whole.start, whole.stop], "items": whole.rows, "bad": bad,
            "seconds": round(time.perf_counter() - began, 3), "worker": f"{platform.node()}:{os.getpid()}",
        }  # fmt: skip
        if writes:
            self.ledgers[self.work.store_ledger].commit(unit, {**record, **shards})
        for part, reducer in reducers:
            self.ledgers[part.ledger].commit(unit, record, reducer.arrays())
        return record

    def _reduce(
        self, unit: Unit, reducers: list[tuple[Part, Reducer]], writer: UnitWriter | None, bad: list[dict[str, str]]
    ) -> None:
        valid = []
        for extracted in self.batches.batches(unit):
            bad += extracted.bad
            valid.append(extracted.valid)
            if writer is not None:
                for key, rows in extracted.stored.items():
                    writer.append(key, rows)
            if len(extracted.batch.rows):
                for _, reducer in reducers:
                    reducer.update(extracted.batch)
        if writer is not None:
            writer.mark_valid(np.concatenate(valid))
