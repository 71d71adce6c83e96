"""Activations read back when a step finishes: the first images of the study that are held, whole maps as one row."""

from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from cluster.blobs import Blobs
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from cluster.units import cut
from jobs.extract import IMAGES
from jobs.images.manifest import Manifest
from jobs.plan import GROUPS, Plan


class StoredRows:
    """The store of a run, opened when it is first read."""

    def __init__(self, plan: Plan, run: Blobs, ledger: str):
        self.plan, self.run, self.name = plan, run, ledger

    @cached_property
    def manifest(self) -> Manifest:
        """The images in order."""
        return Manifest.load(self.run.read(IMAGES))

    @cached_property
    def store(self) -> ActivationStore:
        """The activations."""
        return ActivationStore.open(self.run)

    @cached_property
    def ledger(self) -> Ledger:
        """Which units of them are held."""
        return Ledger(self.run, self.name, len(cut(self.plan.rows, self.plan.unit)))

    def images(self, most: int) -> Int[np.ndarray, " images"]:
        """Rows of the first images, at most so many, that were decoded and not skipped."""
        skipped, found = self.ledger.skipped(), []
        for number, unit in enumerate(cut(self.plan.rows, self.plan.unit)):
            if number in skipped:
                continue
            found += (unit.start + np.flatnonzero(self.store.valid(unit.start, unit.stop, self.ledger))).tolist()
            if len(found) >= most:
                break
        return np.array(found[:most], np.int64)

    def groups(self, rows: Int[np.ndarray, " images"]) -> Int[np.ndarray, " images"]:
        """The group of each image, as the plan joins them."""
        return self.manifest.groups[rows].astype(np.int64) * self.plan.groups // GROUPS

    def labels(self, rows: Int[np.ndarray, " images"]) -> Int[np.ndarray, " images"]:
        """The class of each image, -1 without a label."""
        return np.array([self.manifest.entries[row].label for row in rows], np.int64)

    def maps(self, layer: str, rows: Int[np.ndarray, " images"]) -> Float[np.ndarray, "images channels height width"]:
        """Ascending `rows` of a `net/layer`, float32."""
        edges = np.flatnonzero(np.diff(rows // self.plan.unit)) + 1  # a skipped unit may lie between two others
        return np.concatenate([self._maps(layer, part) for part in np.split(rows, edges)])

    def _maps(self, layer: str, rows: Int[np.ndarray, " images"]) -> np.ndarray:
        first = int(rows[0])
        return self.store.read(layer, first, int(rows[-1]) + 1, self.ledger)[rows - first].astype(np.float32)
