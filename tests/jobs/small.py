"""Small studies that tests run in their own process: two random convnets on some of the digits, and what they leave."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from cluster.blobs import Blobs, open_blobs
from cluster.events import Event, Listener, UnitDone
from cluster.stop import Stop
from jobs.results import read_results
from jobs.run import Finished, run
from jobs.study import Study

NETS = {
    "a": {"arch": "convnet", "seed": 1, "options": {"width": 6}},
    "b": {"arch": "convnet", "seed": 2, "options": {"width": 6}},
}
TRAINED = {"arch": "convnet", "train": {"seed": 1, "epochs": 2, "batch": 16}, "options": {"width": 4}}
UNITS = 3


def small(runs: object, **changes: Any) -> Study:
    """A study of 300 digits in three units, of which the last is short; `changes` replace or extend its keys."""
    study: dict[str, Any] = {
        "name": "small",
        "runs": str(runs),
        "images": {"source": "digits", "unit": 128, "batch": 16, "limit": 300},
        "nets": NETS,
        "layers": ["conv1", "fc1"],
        "extract": {},
        "steps": ["correlate"],
        "resources": {"executor": "serial"},
    }
    for key, value in changes.items():
        study[key] = {**study[key], **value} if key in ("images", "extract", "resources") else value
    return Study.model_validate(study)


def one_bad_of_twelve(root: Path) -> Path:
    """A class folder below `root` with twelve pictures of 8 x 8, of which 03.png is none."""
    folder = root / "digit"
    folder.mkdir(parents=True)
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    (folder / "03.png").write_bytes(b"no picture")
    return folder


@dataclass
class Watching:
    """Progress that notes what was computed; `stop_at` asks for a stop when work of that label begins."""

    stop: Stop = field(default_factory=Stop)
    stop_at: str = ""
    events: list[tuple[str, Event]] = field(default_factory=list)

    @contextmanager
    def __call__(self, label: str, total: int, done: int) -> Iterator[Listener]:
        if label == self.stop_at:
            self.stop.request()
        yield lambda event: self.events.append((label, event))

    def done(self) -> dict[str, int]:
        """How many units, or trainings, were done under each label."""
        return dict(Counter(label for label, event in self.events if isinstance(event, UnitDone)))


@dataclass(frozen=True)
class Done:
    """What a run left."""

    finished: Finished
    watching: Watching

    @property
    def blobs(self) -> Blobs:
        return open_blobs(self.finished.folder)

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.blobs.read("manifest.json"))
        return found

    @property
    def page(self) -> str:
        return self.blobs.read("report/index.html").decode()

    def results(self, step: str = "correlate") -> dict[str, xr.Dataset]:
        """The datasets of the only step of that kind."""
        (name,) = (name for name in self.manifest["steps"] if name.startswith(step))
        found = read_results(self.blobs, name)
        assert found is not None
        return found

    def bits(self, *parts: str) -> dict[str, bytes]:
        """Bytes of everything below some of the run's folders, by name."""
        kept = parts or ("activations", "results", "figures")
        return {name: self.blobs.read(name) for part in kept for name in self.blobs.list(part)}

    def records(self) -> dict[str, bytes]:
        """Every commit record: an attempt's id in it tells a unit that was computed again."""
        return {name: data for name, data in self.bits("ledger").items() if "/unit-" in name}


def ran(study: Study, allow_code: tuple[str, ...] = (), watching: Watching | None = None) -> Done:
    """Run a study to its end."""
    watching = watching or Watching()
    return Done(run(study, allow_code=allow_code, watch=watching, stop=watching.stop), watching)


def numbers(study: Study, allow_code: tuple[str, ...] = (), watching: Watching | None = None) -> Done:
    """The same without figures and report, which take most of a small run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.run.compose", lambda *arguments: [])
        return ran(study, allow_code, watching)
