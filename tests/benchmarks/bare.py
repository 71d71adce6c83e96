"""The loops that extraction is measured against: what a careful person writes without a store, a ledger or statistics.

They run as tasks of the same scheduler, so that workers, threads and images are the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numcodecs import Zstd  # type: ignore[import-untyped]
from torch import Tensor, nn

from cluster.geometry import layer_geometry
from cluster.units import cut
from jobs.batches import cut_rows
from jobs.extract import IMAGES, Pass
from jobs.images.manifest import Manifest


@dataclass(frozen=True)
class Bare:
    """Decode and run both networks; `extra` adds Gram products, compressed float16, or the channels-last layout."""

    work: Pass
    extra: str = ""

    def open(self) -> "BareTask":
        """The worker's task."""
        return BareTask(self)


class BareTask:
    """One unit: batches through both networks, outputs kept by plain hooks where something is done with them."""

    def __init__(self, bare: Bare):
        self.bare, plan = bare, bare.work.plan
        inputs = bare.work.inputs
        self.entries = Manifest.load(bare.work.run.read(IMAGES)).entries
        self.source, self.preprocess = inputs.source, next(iter(inputs.preprocesses.values()))
        self.nets = {name: inputs.net(name, plan.nets[name]) for name in plan.nets}
        self.layout = torch.channels_last if bare.extra == "last" else torch.contiguous_format
        self.outputs: dict[str, Tensor] = {}
        self.grams: dict[str, Tensor] = {}
        for net in self.nets.values():
            net.to(memory_format=self.layout)
        if bare.extra in ("gram", "zstd"):
            for name, net in self.nets.items():
                for layer in plan.layers_of(name):
                    net.get_submodule(layer).register_forward_hook(self._keep(f"{name}/{layer}"))

    def _keep(self, key: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self.outputs[key] = output.clone()

        return hook

    @torch.inference_mode()
    def __call__(self, unit: int, attempt: str) -> dict[str, Any]:
        """Do a unit and keep nothing."""
        plan = self.bare.work.plan
        whole = cut(plan.rows, plan.unit)[unit]
        for start, stop in cut_rows(whole, plan.batch):
            images = torch.stack([self.preprocess(self.source.load(entry)) for entry in self.entries[start:stop]])
            for net in self.nets.values():
                net(images.to(memory_format=self.layout))
            if self.bare.extra == "gram":
                self._products()
            if self.bare.extra == "zstd":
                self._compressed()
        return {"attempt": attempt, "items": whole.rows}

    def _products(self) -> None:
        """Four float32 products a layer: within each network, between them, and between them with images moved."""
        a, b = self.nets
        for layer in self.bare.work.plan.layers_of(a):
            x, y = (self.outputs[f"{name}/{layer}"].flatten(2).transpose(1, 2) for name in (a, b))
            moved = y.roll(1, 0).reshape(-1, y.shape[2])
            x, y = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
            for kind, product in (("aa", x.T @ x), ("bb", y.T @ y), ("ab", x.T @ y), ("floor", x.T @ moved)):
                key = f"{layer}/{kind}"
                self.grams[key] = self.grams[key] + product if key in self.grams else product

    def _compressed(self) -> None:
        """The bytes that the store writes, in chunks of its size, compressed and dropped."""
        plan, codec = self.bare.work.plan, Zstd(level=1)
        for key, output in self.outputs.items():
            rows = output.to(torch.float16).numpy()
            chunk = layer_geometry(plan.shapes[key], plan.dtype, plan.unit).chunk_rows
            for start in range(0, len(rows), chunk):
                codec.encode(np.ascontiguousarray(rows[start : start + chunk]))
