"""The plan of a run: everything that decides its numbers, written once and read back by every resume.

The run's key is made of it. Steps, resources and the report are not in it: they may change over the same activations.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from analysis.positions import Policy, position_count
from cluster.blobs import Blobs

GROUPS = 16
"""Fixed groups of images; a plan may join neighbors into fewer where sums for all of them would not fit."""

PLAN = "plan.json"

CHECKPOINT = "@"
"""Between a network's name and the number of a checkpoint of its training, as `a@3`; no name of a study holds it."""


def digest(value: Any) -> str:
    """sha256 of JSON with sorted keys, in hex."""
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class NetPlan(BaseModel):
    """One network as the plan fixes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: str
    function: str
    """sha256 of what the weights are put into: architecture, options, and the file of code of the user's own."""
    identity: str
    """sha256 of the weight file, or of the training recipe."""
    weights: str | None
    """Where workers read the weights: a path, or a name below the runs' root; None for seeded random weights."""
    trained: bool
    state: str
    """sha256 of the loaded parameters; checked by every worker."""
    parameters: int
    weighted: dict[str, tuple[int, ...]] = {}
    """Shape of the weights of every convolution and fully connected layer, by module, in the network's order."""
    attention: dict[str, tuple[int, int, int]] = {}
    """Heads, queries and keys of every attention module over a whole image, by name, where a step looks at them."""
    in_shape: tuple[int, int, int]
    classes: int
    preprocess: str
    """sha256 of the preprocessing's output on the probe image."""


class Plan(BaseModel):
    """What decides the numbers of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    request: str
    """sha256 of the study's own words: finds this plan again before anything is measured."""
    seed: int
    images: str
    """Key of the manifest."""
    rows: int
    classes: tuple[str, ...]
    class_counts: tuple[int, ...] = ()
    """Labeled images of every class."""
    sets: tuple[str, ...] = ()
    """Names of the sets of images, where there are several."""
    unit: int
    batch: int
    groups: int
    threads: int
    device: Literal["cpu", "cuda"]
    dtype: Literal["float16", "float32"]
    positions: Policy
    nets: dict[str, NetPlan]
    shapes: dict[str, tuple[int, int, int]]
    """Channels, height and width of every `net/layer`, in the networks' order."""
    pivots: dict[str, list[float]] = {}
    """Nonzero pivots of `net/layer`, from the probe pass."""
    versions: dict[str, str]

    @property
    def key(self) -> str:
        """The run's key, in hex."""
        nets = {name: [net.function, net.identity, net.in_shape, net.preprocess] for name, net in self.nets.items()}
        geometry = [self.unit, self.batch, self.groups, self.threads, self.device, self.dtype, self.positions]
        return digest([self.images, nets, self.seed, geometry])

    @property
    def folder(self) -> str:
        """The run's folder below the runs' root."""
        return f"{self.name}-{self.key[:8]}"

    def studied(self) -> list[str]:
        """The networks that the study names, without the checkpoints of their trainings."""
        return [net for net in self.nets if CHECKPOINT not in net]

    def checkpoints_of(self, net: str) -> dict[int, str]:
        """The networks that are checkpoints of `net`, by epoch (or the number that the study gives them)."""
        found = {int(name.partition(CHECKPOINT)[2]): name for name in self.nets if name.startswith(net + CHECKPOINT)}
        return dict(sorted(found.items()))

    def is_checkpoint(self, layer: str) -> bool:
        """Whether a `net/layer` belongs to a checkpoint."""
        return CHECKPOINT in layer.partition("/")[0]

    def layers_of(self, net: str) -> list[str]:
        """The studied layers of one network, in its order."""
        return [key.partition("/")[2] for key in self.shapes if key.partition("/")[0] == net]

    def units_of(self, layer: str) -> int:
        """Number of units of a `net/layer`."""
        return self.shapes[layer][0]

    def positions_of(self, layer: str) -> tuple[int, int, int]:
        """Samples an image gives at a `net/layer`, and the map they are drawn from; equal for layers that compare."""
        _, height, width = self.shapes[layer]
        if self.positions in ("center", "mean"):
            return 1, 0, 0
        return position_count(self.positions, height, width), height, width

    def pivot(self, layer: str) -> np.ndarray:
        """Pivot of every unit of a `net/layer`."""
        return np.asarray(self.pivots.get(layer, np.zeros(self.units_of(layer))), np.float64)

    def save(self, blobs: Blobs) -> None:
        """Write plan.json into the run's folder."""
        blobs.write(PLAN, (self.model_dump_json(indent=1) + "\n").encode())

    @classmethod
    def load(cls, blobs: Blobs) -> "Plan":
        """Read plan.json from the run's folder; FileNotFoundError where there is none."""
        return cls.model_validate_json(blobs.read(PLAN))


def step_key(plan: Plan, name: str, step_version: int, identity: Mapping[str, Any]) -> str:
    """Key of a step's results under a plan: its ledger and results are named `<step>-<first eight>`."""
    return digest([plan.key, name, step_version, dict(identity)])


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {}
    for package in ("vitrine", "torch", "torchvision", "numpy", "scipy", "zarr", "ray", "cupy-cuda13x"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
