"""One pass over the images: what a worker does with a unit, from decoding to the commit.

Decode, forward, statistics on the device, background writer, commit. A pass serves the store and every step that still
lacks the unit; each has its own ledger, so a resume repeats only what is missing.
"""

import os
import platform
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

import numpy as np

from cluster.actors import Task
from cluster.allocator import keep_freed_memory
from cluster.blobs import Blobs, open_blobs
from cluster.errors import Refused
from cluster.geometry import LayerGeometry, layer_geometry
from cluster.ledger import Ledger, Record
from cluster.store import ActivationStore, UnitWriter
from cluster.units import Unit, cut
from jobs.batches import Forward, Stored
from jobs.errors import UserError
from jobs.images.manifest import Manifest
from jobs.inputs import Inputs
from jobs.memory import all_needs, written
from jobs.plan import Plan
from jobs.steps.step import Needs, Reducer, RowReducer, Step

IMAGES = "images.jsonl.gz"
"""The manifest in the run's folder."""


@dataclass(frozen=True)
class Part:
    """A block of a step, and the name of its ledger."""

    step: Step
    ledger: str

    def written(self, plan: Plan) -> dict[str, LayerGeometry]:
        """What it writes of every image, by its place in the store: `<ledger>/<name>`."""
        return {f"{self.ledger}/{name}": geometry for name, geometry in written(self.step, plan).items()}


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

    def written_by(self) -> dict[str, dict[str, LayerGeometry]]:
        """Arrays of the store by the ledger that says which rows of them are there."""
        plan = self.plan
        layers = {layer: layer_geometry(plan.shapes[layer], plan.dtype, plan.unit) for layer in self.store}
        return {self.store_ledger: layers} | {part.ledger: part.written(plan) for part in self.parts}

    def written(self) -> dict[str, LayerGeometry]:
        """All arrays that the pass writes to the store."""
        return {name: geometry for layers in self.written_by().values() for name, geometry in layers.items()}

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
        store = ActivationStore.open(work.run) if work.written() or work.from_store else None
        self.stores = {
            ledger: store.only(layers) for ledger, layers in work.written_by().items() if store is not None and layers
        }
        self.batches: Forward | Stored
        if work.from_store:
            assert store is not None
            held = Ledger(work.run, work.store_ledger, work.units)
            self.batches = Stored(work.plan, manifest, work.needs(), store, held)
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
        lacking = [name for name, ledger in self.ledgers.items() if ledger.record(unit) is None]
        if not lacking:  # an earlier attempt committed all of it and died before it could say so
            return {"attempt": attempt, "items": whole.rows}
        reducers = {
            part.ledger: part.step.reducer(self.work.plan) for part in self.work.parts if part.ledger in lacking
        }
        bad: list[dict[str, str]] = []
        with ExitStack() as open_writers:
            writers = {
                name: open_writers.enter_context(store.writer(whole))
                for name, store in self.stores.items()
                if name in lacking
            }
            self._reduce(whole, reducers, writers, bad)
            shards: dict[str, Record] = {name: dict(writer.close()) for name, writer in writers.items()}
        record: Record = {
            "attempt": attempt, "rows": [whole.start, whole.stop], "items": whole.rows, "bad": bad,
            "seconds": round(time.perf_counter() - began, 3), "worker": f"{platform.node()}:{os.getpid()}",
        }  # fmt: skip
        for name in lacking:
            arrays = reducers[name].arrays() if name in reducers else None
            self.ledgers[name].commit(unit, {**record, **shards.get(name, {})}, arrays)
        return record

    def _reduce(
        self, unit: Unit, reducers: dict[str, Reducer], writers: dict[str, UnitWriter], bad: list[dict[str, str]]
    ) -> None:
        valid = []
        for extracted in self.batches.batches(unit):
            bad += extracted.bad
            valid.append(extracted.valid)
            if self.work.store_ledger in writers:
                for key, rows in extracted.stored.items():
                    writers[self.work.store_ledger].append(key, rows)
            for name, reducer in reducers.items():
                if len(extracted.batch.rows):
                    reducer.update(extracted.batch)
                if name in writers:
                    self._append(name, reducer, extracted.valid, writers[name])
        for writer in writers.values():
            writer.mark_valid(np.concatenate(valid))

    def _append(self, ledger: str, reducer: Reducer, valid: np.ndarray, writer: UnitWriter) -> None:
        """Rows of a step, zeros for bad images."""
        found = cast("RowReducer", reducer).rows() if valid.any() else {}
        for layer, geometry in self.stores[ledger].layers.items():
            rows = np.zeros((len(valid), *geometry.shape), geometry.dtype)
            if valid.any():
                given = found[layer.partition("/")[2]]
                if given.shape[1:] != geometry.shape:
                    raise ValueError(f"{layer} was declared with rows of {geometry.shape} and has {given.shape[1:]}.")
                rows[valid] = given
            writer.append(layer, rows)
