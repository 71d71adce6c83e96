"""Train one network of a study, once: weights, checkpoints and curves in a folder, found again by the recipe's key.

Left in the folder: final.safetensors, epoch-0003.safetensors for every kept epoch, curves.json, and record.json last.
"""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analysis.dynamics.objective import NoLogitsError, Objective, classification
from analysis.dynamics.train import Augment, Curves, DivergedError, Hook, TrainState, train
from jobs.errors import UserError
from jobs.images.augment import build_augment
from jobs.nets.build import build
from jobs.nets.options import NetSpec, TrainSpec
from jobs.nets.record import (
    FINAL,
    Keep,
    TrainingRecord,
    checkpoint,
    finished,
    recipe,
    recipe_key,
    stays,
    write_whole,
)
from jobs.nets.resume import Unfinished, load_unfinished, save_unfinished
from jobs.nets.samples import Samples
from jobs.nets.weights import save_tensors, save_weights, weights_digest
from jobs.nets.workers import train_on_workers

SAVE_SECONDS = 60.0
"""Least time between two saves of an unfinished training."""


class DivergedTrainingError(UserError):
    """A training whose loss stopped being finite; `reason` says where."""

    def __init__(self, arch: str, reason: str) -> None:
        super().__init__(f"train: {arch} diverged, {reason}. Lower train.learning_rate.")
        self.reason = reason


def trained(
    spec: NetSpec,
    data: Samples,
    folder: Path,
    *,
    classes: int,
    test: Samples | None = None,
    data_key: str | None = None,
    device: str = "cpu",
    allow_code: tuple[str, ...] = (),
    progress: Callable[[int, Curves], None] | None = None,
    keep: Keep = stays,
) -> TrainingRecord:
    """Train `spec` on `data` into `folder`, or return the record that is there, untouched, if it has the same key.

    data_key: identity of the images, by default the sha256 of their tensors.
    progress: called with the number of finished epochs, from 0, and the curves so far. keep: told of every file that
    lets another process go on.
    Same key, threads, device and versions: same bits, also where an earlier call was killed. Raises UserError for
    labels that are not in 0..classes-1, images that do not fit, and a loss that is not finite.
    """
    _check(spec, data, classes)
    in_shape = (data.images.shape[1], data.images.shape[2], data.images.shape[3])
    return trained_by(
        recipe(spec, in_shape, classes, data_key or data.key(), allow_code),
        spec.train or TrainSpec(),
        lambda: build(spec.arch, in_shape, classes, spec.options, allow_code, spec.first_seed()),
        data,
        folder,
        test=test,
        device=device,
        allow_code=allow_code,
        progress=progress,
        keep=keep,
    )


def trained_by(
    recipe: dict[str, Any],
    spec: TrainSpec,
    make: Callable[[], nn.Module],
    data: Samples,
    folder: Path,
    *,
    objective: Objective = classification,
    hooks: Sequence[Hook] = (),
    test: Samples | None = None,
    device: str = "cpu",
    allow_code: tuple[str, ...] = (),
    progress: Callable[[int, Curves], None] | None = None,
    keep: Keep = stays,
) -> TrainingRecord:
    """As `trained`, for a network that `make` builds; `recipe` names all that decides its weights, `objective` and
    `hooks` too."""
    run = _Run(folder, spec, recipe, device, progress, keep)
    found = finished(folder, run.key)
    if found and all(checkpoint(folder, epoch).is_file() for epoch in run.kept):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    net = make()
    curves = _loop(net, data, test, build_augment(spec.augment, allow_code), objective, hooks, run)
    write_whole(folder / "curves.json", json.dumps({name: c.tolist() for name, c in asdict(curves).items()}) + "\n")
    record = run.record(net, len(data.images), curves, found)
    record.save(folder)
    run.unfinished.unlink(missing_ok=True)
    return record


def _loop(
    net: nn.Module,
    data: Samples,
    test: Samples | None,
    augment: Augment | None,
    objective: Objective,
    hooks: Sequence[Hook],
    run: "_Run",
) -> Curves:
    arch = run.recipe["arch"]
    workers = run.spec.workers
    loop = partial(train_on_workers, workers=workers, device=run.place) if workers > 1 else train
    try:
        return loop(
            net if workers > 1 else net.to(run.place),
            data.images,
            data.labels,
            run.spec.loop(),
            objective=objective,
            test=(test.images, test.labels) if test else None,
            augment=augment,
            hooks=hooks,
            on_epoch=run.on_epoch,
            state=run.resumed_state(),
        )
    except DivergedError as error:
        raise DivergedTrainingError(arch, str(error)) from error
    except NoLogitsError as error:
        hint = "googlenet and inception_v3 do so with options: {aux_logits: false}."
        raise UserError(f"train: {arch} cannot be trained, {error}; {hint}") from error


class _Run:
    """One training in its folder: what happens between epochs and at the end."""

    def __init__(
        self,
        folder: Path,
        spec: TrainSpec,
        recipe: dict[str, Any],
        device: str,
        progress: Callable[[int, Curves], None] | None,
        keep: Keep,
    ) -> None:
        self.folder, self.spec, self.recipe, self.progress, self.keep = folder, spec, recipe, progress, keep
        self.key, self.kept, self.place = recipe_key(recipe), spec.checkpoint_epochs(), device
        self.device, self.threads = _device_name(device), torch.get_num_threads()
        self.versions = {"python": platform.python_version(), "torch": version("torch"), "numpy": version("numpy")}
        self.stamp = {"key": self.key, "device": self.device, "threads": self.threads, "versions": self.versions}
        self.unfinished = folder / "unfinished.pt"
        # The clock on the wall, as every process of a training reads it: the first of several workers saves.
        self.started = self.saved = time.time()

    def resumed_state(self) -> TrainState | None:
        """Where an earlier call with the same stamp stopped, with its time counted."""
        earlier = load_unfinished(self.unfinished, self.stamp)
        if earlier is None:
            return None
        if not all(checkpoint(self.folder, epoch).is_file() for epoch in self.kept if epoch <= earlier.state.epoch):
            return None
        self.started -= earlier.seconds
        return earlier.state

    def seconds(self) -> float:
        """Time spent on this training by all calls."""
        return time.time() - self.started

    def on_epoch(self, state: TrainState) -> None:
        """Keep the weights if asked, save the state if the last save is long ago, and tell the listener."""
        if state.epoch in self.kept:
            save_tensors(state.weights, checkpoint(self.folder, state.epoch))
            self.keep(checkpoint(self.folder, state.epoch))
        if time.time() - self.saved >= SAVE_SECONDS:
            save_unfinished(self.unfinished, self.stamp, Unfinished(state, self.seconds()))
            self.keep(self.unfinished)
            self.saved = time.time()
        if self.progress:
            self.progress(state.epoch, state.curves)

    def record(self, net: nn.Module, images: int, curves: Curves, earlier: TrainingRecord | None) -> TrainingRecord:
        """Write the final weights and describe the finished training."""
        return TrainingRecord(
            key=self.key,
            recipe=self.recipe,
            weights_sha256=_write_final(net, self.folder, earlier),
            parameters=sum(parameter.numel() for parameter in net.parameters()),
            images=images,
            train_accuracy=float(curves.train_accuracy[-1]),
            test_accuracy=float(curves.test_accuracy[-1]) if len(curves.test_accuracy) else None,
            seconds=self.seconds(),
            device=self.device,
            threads=self.threads,
            versions=self.versions,
            checkpoints=self.kept,
        )


def _write_final(net: nn.Module, folder: Path, earlier: TrainingRecord | None) -> str:
    """Write the final weights and return their sha256; weights that have a record are not replaced by others."""
    fresh = folder / "fresh.safetensors"
    save_weights(net, fresh)
    digest = weights_digest(fresh)
    if earlier and earlier.weights_sha256 != digest:
        fresh.unlink()
        raise UserError(
            f"{folder} was trained on {earlier.device}, {earlier.threads} threads, torch {earlier.versions['torch']}; "
            "training again for more checkpoints gives other weights here: delete the folder to start anew."
        )
    fresh.replace(folder / FINAL)
    return digest


def _check(spec: NetSpec, data: Samples, classes: int) -> None:
    if len(data.images) == 0 or data.images.ndim != 4:
        raise UserError(
            f"train: {spec.arch} needs images (N, C, H, W), at least one; found {tuple(data.images.shape)}."
        )
    low, high = int(data.labels.min()), int(data.labels.max())
    if low < 0 or high >= classes:
        raise UserError(
            f"train: labels are {low}..{high} but {spec.arch} has {classes} outputs; set classes to {high + 1} or more."
        )


def _device_name(device: str) -> str:
    if torch.device(device).type != "cuda":
        return platform.machine()
    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else device  # workers elsewhere have GPUs
