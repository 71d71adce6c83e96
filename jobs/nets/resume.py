"""The state of an unfinished training in one file: a killed job goes on from its last full minute, bit for bit."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.dynamics.train import Curves, TrainState


@dataclass(frozen=True)
class Unfinished:
    """Where a training stopped."""

    state: TrainState
    seconds: float
    """Time spent up to there."""


def save_unfinished(path: Path, stamp: dict[str, Any], unfinished: Unfinished) -> None:
    """Replace the file at once. `stamp`: all that must be equal for the bits to be equal; strings and numbers."""
    state = unfinished.state
    content = {
        "stamp": stamp,
        "seconds": unfinished.seconds,
        "epoch": state.epoch,
        "weights": state.weights,
        "optimizer": state.optimizer,
        "curves": {name: torch.from_numpy(np.asarray(curve)) for name, curve in asdict(state.curves).items()},
    }
    partial = path.with_name(path.name + ".partial")
    torch.save(content, partial)
    partial.replace(path)


def load_unfinished(path: Path, stamp: dict[str, Any]) -> Unfinished | None:
    """What was saved under the same stamp; None where there is nothing of that kind."""
    if not path.is_file():
        return None
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content["stamp"] != stamp:
        return None
    curves = Curves(**{name: curve.numpy() for name, curve in content["curves"].items()})
    state = TrainState(content["epoch"], content["weights"], content["optimizer"], curves)
    return Unfinished(state, content["seconds"])
