"""What a training leaves beside weights: its recipe, what came out and where it ran; one JSON file, written last."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.errors import UserError
from jobs.nets.from_code import code_digest
from jobs.nets.options import NetSpec
from jobs.nets.weights import weights_digest

TRAINER_VERSION = 1
"""Raised by hand when the same recipe gives other weights."""

FINAL = "final.safetensors"
RECORD = "record.json"

Keep = Callable[[Path], None]
"""Told of every file that an unfinished training leaves for the one that goes on."""


def stays(_path: Path) -> None:
    """Nothing to do: the folder itself outlives the process."""


@dataclass(frozen=True)
class TrainingRecord:
    """One finished training."""

    key: str
    recipe: dict[str, Any]
    weights_sha256: str
    """Of final.safetensors."""
    parameters: int
    images: int
    train_accuracy: float
    """0 to 1, over the last epoch's batches as they were met."""
    test_accuracy: float | None
    """0 to 1, of the final weights; None without test images."""
    seconds: float
    device: str
    threads: int
    versions: dict[str, str]
    checkpoints: list[int]
    """Epochs with a file epoch-NNNN.safetensors."""

    def save(self, folder: Path) -> None:
        """Write record.json whole or not at all."""
        write_whole(folder / RECORD, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")


def recipe(
    spec: NetSpec, in_shape: tuple[int, ...], classes: int, data_key: str, allow_code: tuple[str, ...] = ()
) -> dict[str, Any]:
    """All that decides the weights but threads and processor: architecture, images, seeds, options, trainer version.

    Which epochs are kept does not change a net and is left out.
    """
    if spec.train is None:
        raise UserError(f"train: {spec.arch} has no recipe without train.")
    return {
        "trainer": TRAINER_VERSION,
        "arch": spec.arch,
        "code": code_digest(spec.arch, allow_code),
        "options": spec.options,
        "in_shape": list(in_shape),
        "classes": classes,
        "first_seed": spec.first_seed(),
        "train": spec.train.recipe(),
        "data": data_key,
    }


def recipe_key(recipe: dict[str, Any]) -> str:
    """sha256 of a recipe, in hex: the identity of a net that is trained."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, key: str) -> TrainingRecord | None:
    """The record of a training with that key, its weights checked against it; None where it has not finished yet.

    Raises UserError where the folder holds another training, or weights that were changed afterwards.
    """
    if not (folder / RECORD).is_file() or not (folder / FINAL).is_file():
        return None
    record = TrainingRecord(**json.loads((folder / RECORD).read_text()))
    if record.key != key:
        raise UserError(
            f"{folder} holds the training {record.key[:8]}, not {key[:8]}; delete it or name another folder."
        )
    digest = weights_digest(folder / FINAL)
    if digest != record.weights_sha256:
        raise UserError(
            f"{folder / FINAL} has sha256 {digest[:8]}, its record {record.weights_sha256[:8]}; "
            "it was changed after training: delete the folder to train again."
        )
    return record


def checkpoint(folder: Path, epoch: int) -> Path:
    """The file of the weights after `epoch` epochs."""
    return folder / f"epoch-{epoch:04d}.safetensors"


def write_whole(path: Path, text: str) -> None:
    """Write, flush to disk, then rename: the file is never seen in part."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
