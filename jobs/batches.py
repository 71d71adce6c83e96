"""Batches of a work unit, from the networks or from the store: the same rows and groups either way."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis.activations import complete, recorded
from analysis.positions import drawn, samples
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from cluster.units import Unit, cut
from jobs.images.manifest import Manifest
from jobs.inputs import Decoded, Decoder, Inputs
from jobs.plan import GROUPS, Plan
from jobs.steps.step import Batch, Needs


@dataclass(frozen=True)
class Taken:
    """What was copied of one layer for one batch, all rows of it."""

    samples: Tensor | None
    maps: Tensor | None
    stored: np.ndarray | None


@dataclass(frozen=True)
class Extracted:
    """One batch: its valid rows for the steps, all rows for the store, the bad images for the record."""

    batch: Batch
    stored: dict[str, np.ndarray]
    valid: np.ndarray
    bad: list[dict[str, str]]


class Forward:
    """Runs the plan's networks over the images of a unit."""

    def __init__(self, inputs: Inputs, plan: Plan, manifest: Manifest, needs: Needs, store: frozenset[str]):
        _exact_products()
        self.plan, self.manifest, self.needs, self.store = plan, manifest, needs, store
        wanted = {layer.partition("/")[0] for layer in needs.layers | store} | needs.logits | needs.images
        names = [name for name in plan.nets if name in wanted]
        self.layout = _layout(plan)
        self.nets = {name: inputs.net(name, plan.nets[name]).to(plan.device) for name in names}
        for net in self.nets.values():
            net.to(memory_format=self.layout)
        self.decode = Decoder(inputs, {name: plan.nets[name].in_shape for name in names})
        self.scales = {name: inputs.scale(name, manifest).to(plan.device) for name in needs.images}
        self.places = Places(plan)
        self.half = torch.float16 if plan.dtype == "float16" else torch.float32

    def batches(self, unit: Unit) -> Iterator[Extracted]:
        """The unit's batches in order; the next one is decoded while this one is computed."""
        entries = self.manifest.entries
        with ThreadPoolExecutor(1) as ahead:
            parts = cut_rows(unit, self.plan.batch)
            waiting = [ahead.submit(self.decode, entries[slice(*parts[0])])]
            for number, rows in enumerate(parts):
                if number + 1 < len(parts):
                    waiting.append(ahead.submit(self.decode, entries[slice(*parts[number + 1])]))
                yield self._extracted(np.arange(*rows), waiting.pop(0).result())

    @torch.inference_mode()
    def _extracted(self, rows: np.ndarray, decoded: Decoded) -> Extracted:
        batch = frame(self.plan, self.manifest, rows, decoded.valid)
        self.places.move_to([self.manifest.entries[row].id for row in rows])
        taken: dict[str, Taken] = {}
        logits: dict[str, Tensor] = {}
        for name, net in self.nets.items():
            takes = {layer: self._take(f"{name}/{layer}") for layer in self._layers(name)}
            with recorded(net, takes) as outputs:
                output = net(decoded.images[name].to(self.plan.device, memory_format=self.layout))
            taken |= {f"{name}/{layer}": found for layer, found in complete(outputs, takes).items()}
            if name in self.needs.logits and isinstance(output, Tensor):
                logits[name] = rows_of(output, decoded.valid)
        batch = replace(
            batch,
            samples={key: rows_of(taken[key].samples, decoded.valid) for key in taken if key in self.needs.samples},
            maps={key: rows_of(taken[key].maps, decoded.valid) for key in taken if key in self.needs.maps},
            logits=logits,
            images={name: self._seen(decoded, name) for name in self.needs.images},
            nets={name: self.nets[name] for name in self.needs.images},
            scales=self.scales,
        )
        stored = {key: found.stored for key, found in taken.items() if found.stored is not None}
        return Extracted(batch, stored, decoded.valid, decoded.bad)

    def _seen(self, decoded: Decoded, net: str) -> Tensor:
        """Valid images, in memory that gradients may be taken of."""
        with torch.inference_mode(False):
            return rows_of(decoded.images[net], decoded.valid).to(self.plan.device, copy=True)

    def _layers(self, net: str) -> list[str]:
        wanted = self.needs.layers | self.store
        return [layer for layer in self.plan.layers_of(net) if f"{net}/{layer}" in wanted]

    def _take(self, key: str) -> Callable[[Tensor], Taken]:
        def take(maps: Tensor) -> Taken:
            return Taken(
                self.places.samples(maps) if key in self.needs.samples else None,
                channel_by_channel(maps) if key in self.needs.maps else None,
                self._stored(maps) if key in self.store else None,
            )

        return take

    def _stored(self, maps: Tensor) -> np.ndarray:
        """Maps as the store keeps them; what its dtype cannot hold stays float32: the writer names the value."""
        low, high = maps.aminmax()
        if max(-float(low), float(high)) > torch.finfo(self.half).max:
            return maps.cpu().numpy()
        # Converting first halves the bytes that the transposition moves.
        return maps.to(self.half).contiguous().cpu().numpy()


class Stored:
    """Reads the activations of a unit back from the store."""

    def __init__(self, plan: Plan, manifest: Manifest, needs: Needs, store: ActivationStore, ledger: Ledger):
        _exact_products()
        self.plan, self.manifest, self.needs, self.store, self.ledger = plan, manifest, needs, store, ledger
        self.places = Places(plan)
        self.as_array = _device_array(plan)

    def batches(self, unit: Unit) -> Iterator[Extracted]:
        """The unit's batches in order, whole chunks read at once."""
        readers = {key: _Window(self.store, key, unit, self.plan.batch, self.ledger) for key in self.needs.layers}
        valid = self.store.valid(unit.start, unit.stop, self.ledger)
        for start, stop in cut_rows(unit, self.plan.batch):
            rows = np.arange(start, stop)
            here = valid[start - unit.start : stop - unit.start]
            batch = frame(self.plan, self.manifest, rows, here)
            self.places.move_to([self.manifest.entries[row].id for row in rows])
            maps = {key: torch.from_numpy(reader(start, stop)).to(torch.float32) for key, reader in readers.items()}
            batch = replace(
                batch,
                samples={
                    key: self.as_array(rows_of(self.places.samples(maps[key]), here)) for key in self.needs.samples
                },
                maps={key: self.as_array(rows_of(maps[key], here)) for key in self.needs.maps},
            )
            yield Extracted(batch, {}, here, [])


class Places:
    """Sampled positions of the images of the current batch, drawn once for each size of map."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.ids: list[str] = []
        self.drawn: dict[tuple[int, int], Tensor] = {}

    def move_to(self, ids: list[str]) -> None:
        """Go on to a batch of other images."""
        self.ids, self.drawn = ids, {}

    def samples(self, maps: Tensor) -> Tensor:
        """(images, positions, channels) of whole maps under the plan's policy."""
        policy, size = self.plan.positions, (maps.shape[2], maps.shape[3])
        if not isinstance(policy, int):
            return samples(maps, policy)
        if size not in self.drawn:
            places = drawn(self.plan.seed, self.ids, *size, policy)
            self.drawn[size] = torch.from_numpy(places).to(maps.device)
        return samples(maps, policy, self.drawn[size])


class _Window:
    """Rows of one layer in order, read by whole chunks."""

    def __init__(self, store: ActivationStore, key: str, unit: Unit, batch: int, ledger: Ledger):
        self.store, self.key, self.unit, self.ledger = store, key, unit, ledger
        self.rows = max(batch, store.layers[key].chunk_rows)
        self.start, self.held = unit.start, np.empty((0,))

    def __call__(self, start: int, stop: int) -> np.ndarray:
        if stop > self.start + len(self.held) or start < self.start:
            self.start = start
            self.held = self.store.read(self.key, start, min(start + self.rows, self.unit.stop), self.ledger)
        return self.held[start - self.start : stop - self.start]


def channel_by_channel(maps: Tensor) -> Tensor:
    """A contiguous copy of (N, C, H, W). Image by image, where channels lie last: torch transposes a matrix in blocks,
    which keeps to the cache, and a batch of them value by value."""
    images, channels, height, width = maps.shape
    if maps.is_contiguous() or not maps.is_contiguous(memory_format=torch.channels_last):
        return maps.clone(memory_format=torch.contiguous_format)
    copy = maps.new_empty(images, channels, height * width)
    for whole, rows in zip(copy, maps.permute(0, 2, 3, 1).reshape(images, height * width, channels), strict=True):
        whole.copy_(rows.t())
    return copy.view(images, channels, height, width)


def cut_rows(unit: Unit, batch: int) -> list[tuple[int, int]]:
    """(start, stop) of each batch; none crosses the unit."""
    return [(unit.start + part.start, unit.start + part.stop) for part in cut(unit.stop - unit.start, batch)]


def frame(plan: Plan, manifest: Manifest, rows: np.ndarray, valid: np.ndarray) -> Batch:
    """A batch without activations: its valid images and their groups."""
    kept = rows[valid]
    entries = [manifest.entries[row] for row in kept]
    return Batch(
        rows=kept,
        ids=tuple(entry.id for entry in entries),
        labels=np.array([entry.label for entry in entries], np.int64),
        groups=manifest.groups[kept].astype(np.int64) * plan.groups // GROUPS,
    )


def rows_of(values: Any, valid: np.ndarray) -> Any:
    """The valid rows of a tensor; the tensor itself where all are."""
    return values if valid.all() else values[torch.from_numpy(np.flatnonzero(valid)).to(values.device)]


def _exact_products() -> None:
    """IEEE float32 products: TF32 keeps 10 bits and moves a correlation by 1e-3."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def _layout(plan: Plan) -> torch.memory_format:
    """Channels last on CPUs: SqueezeNet runs twice as fast, ResNet-18 a third, and samples are rows already."""
    return torch.channels_last if plan.device == "cpu" else torch.contiguous_format


def _device_array(plan: Plan) -> Callable[[Tensor], Any]:
    """Where statistics from the store are computed: NumPy on the CPU, CuPy on a GPU, torch where CuPy is missing."""
    if plan.device == "cpu":
        return lambda tensor: tensor.numpy()
    try:
        import cupy
    except ImportError:
        return lambda tensor: tensor.to(plan.device)
    return lambda tensor: cupy.asarray(tensor.numpy())
