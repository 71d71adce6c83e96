"""A study's images and networks, opened in the process that uses them: the driver, or a worker anywhere."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cluster.blobs import Blobs
from cluster.errors import Refused
from cluster.folder import Folder
from jobs.errors import UserError, within
from jobs.images.manifest import Manifest
from jobs.images.preprocess import build_preprocess
from jobs.images.source import BadImage, Entry, Source
from jobs.images.sources import open_source
from jobs.nets.build import build, default_preprocess
from jobs.nets.weights import load_weights, state_digest
from jobs.plan import NetPlan
from jobs.study import Study

Preprocess = Callable[[Image.Image], Tensor]


@dataclass(frozen=True)
class Inputs:
    """Opens what a study names. Pickles as the study and the runs' root alone."""

    study: Study
    root: Blobs
    allow_code: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type["Inputs"], tuple[Study, Blobs, tuple[str, ...]]]:
        return Inputs, (self.study, self.root, self.allow_code)

    @cached_property
    def source(self) -> Source:
        """The images' source."""
        return open_source(self.study.images)

    @cached_property
    def preprocesses(self) -> dict[str, Preprocess]:
        """What is done to a picture for each network; networks that want the same share one function."""
        built: dict[str, Preprocess] = {}
        shared: dict[str, Preprocess] = {}
        for name in self.study.nets_and_checkpoints():
            net = self.study.net_of(name)
            declared = self.study.images.preprocess if net.preprocess is None else net.preprocess
            how = repr(net.arch if declared is None else declared)
            if how not in shared:
                with within(f"nets.{name}"):
                    default = default_preprocess(net.arch) if declared is None else None
                option = f"nets.{name}.preprocess" if net.preprocess else "images.preprocess"
                shared[how] = build_preprocess(declared, default, self.allow_code, option)
            built[name] = shared[how]
        return built

    def in_shape(self, net: str, manifest: Manifest) -> tuple[int, int, int]:
        """Shape of a preprocessed image, read off the first one that decodes."""
        return _chw(self.preprocesses[net](self.first_picture(manifest)))

    def scale(self, net: str, manifest: Manifest) -> Tensor:
        """A black and a white picture (2, C, H, W) as a network sees them: between them every pixel has its brightness.

        True to pictures where preprocessing treats pixels alike, as resizing, cropping and normalizing do.
        """
        picture = self.first_picture(manifest)
        colors = (0.0, 1.0) if picture.mode == "F" else ("black", "white")
        return torch.stack([self.preprocesses[net](Image.new(picture.mode, picture.size, color)) for color in colors])

    def first_picture(self, manifest: Manifest) -> Image.Image:
        """The first picture that decodes; UserError where there is none."""
        first = ""
        for entry in manifest.entries:
            try:
                return self.source.load(entry)
            except BadImage as bad:
                first = first or f"{entry.id} ({bad})"
        raise UserError(f"images: none of {len(manifest)} can be decoded, first {first}; name other images.")

    def blank(self, net: str, plan: NetPlan) -> nn.Module:
        """A network with the weights that its seed draws."""
        spec = self.study.net_of(net)
        with within(f"nets.{net}"):
            return build(spec.arch, plan.in_shape, plan.classes, spec.options, self.allow_code, seed=spec.first_seed())

    def net(self, name: str, plan: NetPlan) -> nn.Module:
        """A network as the plan describes it, on the CPU in eval mode; Refused where its weights have changed since."""
        net = self.blank(name, plan)
        if plan.weights is not None and plan.trained:
            with local_file(self.root, plan.weights) as path:
                load_weights(net, path)
        elif plan.weights is not None:
            with within(f"nets.{name}"):
                load_weights(net, Path(plan.weights))
        if plan.state and state_digest(net) != plan.state:
            raise Refused(
                f"nets.{name}: the weights read here are not those of the plan ({plan.weights or 'seeded'}); "
                "restore the file, or start a new run under another name."
            )
        return net.eval()


class local_file:  # noqa: N801 (a context manager, used like a function)
    """A blob as a file on this machine: the file itself in a folder, a temporary copy from a bucket."""

    def __init__(self, blobs: Blobs, name: str):
        self.blobs, self.name = blobs, name
        self.copy: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if isinstance(self.blobs, Folder):
            return Path(self.blobs.url) / self.name
        self.copy = tempfile.TemporaryDirectory()
        path = Path(self.copy.name) / Path(self.name).name
        path.write_bytes(self.blobs.read(self.name))
        return path

    def __exit__(self, *_: object) -> None:
        if self.copy:
            self.copy.cleanup()


@dataclass(frozen=True)
class Decoded:
    """A batch of images: one tensor for each distinct preprocessing, zeros where an image is bad."""

    images: dict[str, Tensor]
    valid: np.ndarray
    bad: list[dict[str, str]]


class Decoder:
    """Pictures to tensors for the networks of a study."""

    def __init__(self, inputs: Inputs, in_shapes: dict[str, tuple[int, int, int]]):
        self.source = inputs.source
        self.preprocesses = {name: inputs.preprocesses[name] for name in in_shapes}
        self.in_shapes = in_shapes
        first: dict[int, str] = {}
        self.shared = {name: first.setdefault(id(made), name) for name, made in self.preprocesses.items()}

    def __call__(self, entries: Sequence[Entry]) -> Decoded:
        """Decode and preprocess; bad images are listed and keep their row."""
        valid, bad = np.ones(len(entries), bool), []
        images = {
            name: torch.zeros((len(entries), *self.in_shapes[name]), dtype=torch.float32)
            for name in set(self.shared.values())
        }
        for row, entry in enumerate(entries):
            try:
                picture = self.source.load(entry)
            except BadImage as reason:
                valid[row] = False
                bad.append({"id": entry.id, "reason": str(reason)})
                continue
            for name, rows in images.items():
                rows[row] = self._fitting(name, entry, self.preprocesses[name](picture))
        return Decoded({name: images[like] for name, like in self.shared.items()}, valid, bad)

    def _fitting(self, net: str, entry: Entry, image: Tensor) -> Tensor:
        if _chw(image) != self.in_shapes[net]:
            raise Refused(
                f"Image {entry.id} is {_chw(image)} after preprocessing and others are {self.in_shapes[net]}: "
                "add Resize and CenterCrop to images.preprocess."
            )
        return image


def _chw(image: Tensor) -> tuple[int, int, int]:
    if image.ndim != 3:
        raise UserError(f"images.preprocess gives a tensor of shape {tuple(image.shape)}; expected (C, H, W).")
    return int(image.shape[0]), int(image.shape[1]), int(image.shape[2])
