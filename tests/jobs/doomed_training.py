"""A network that ends its process with SIGKILL at a chosen step of its trainings, or before a chosen file is put in
place, once; every epoch is saved.

VITRINE_DOOM_TRAINING is `steps:5:folder` or `files:5:folder`: steps and files are counted over all processes, by notes
in `folder`; 0 is never.
"""

import os
import signal
from collections import OrderedDict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import jobs.nets.training
from jobs.nets.convnet import convnet

jobs.nets.training.SAVE_SECONDS = 0.0


class Doomed(nn.Sequential):
    """Counts its steps of training; a sequence of named modules otherwise."""

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            _count("steps")
        return super().forward(images)


def doomed(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A small convnet."""
    return Doomed(OrderedDict(convnet(in_shape, classes, width=3).named_children()))


def noted(folder: Path, what: str) -> int:
    """Steps or files noted so far, by all processes."""
    notes = folder / what
    return notes.stat().st_size if notes.is_file() else 0


def _count(what: str) -> None:
    if "VITRINE_DOOM_TRAINING" not in os.environ:
        return
    doomed_by, number, folder = os.environ["VITRINE_DOOM_TRAINING"].split(":")
    with (Path(folder) / what).open("a") as notes:
        notes.write(".")
    if what == doomed_by and noted(Path(folder), what) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)


_replace = os.replace


def _counted_replace(source: Any, target: Any, **more: Any) -> None:
    if "/nets/" in str(target):
        _count("files")
    _replace(source, target, **more)


os.replace = _counted_replace  # type: ignore[assignment]  # how every file of a training is put in place, from a partial one
