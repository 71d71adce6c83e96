"""The command line in this process, and a small study file to give it: two random convnets on 64 digits."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from jobs.__main__ import _guarded, app

STUDY: dict[str, Any] = {
    "name": "small",
    "images": {"source": "digits", "limit": 64, "unit": 32, "batch": 16},
    "nets": {
        "a": {"arch": "convnet", "seed": 1, "options": {"width": 4}},
        "b": {"arch": "convnet", "seed": 2, "options": {"width": 4}},
    },
    "layers": ["conv1", "fc1"],
    "extract": {"store": ["*"]},
    "steps": [{"correlate": {"nets": ["a", "b"]}}],
    "resources": {"executor": "serial"},
}

GONE = object()
"""As a change: the key is left out."""


def vitrine(*words: object) -> int:
    """The exit code of `vitrine WORDS`; what it prints goes where this process's own goes."""
    return _guarded(partial(app, [str(word) for word in words]))


def changed(**changes: Any) -> dict[str, Any]:
    """The study with changes by path: `images__limit=3`, `steps__0={}`."""
    study = copy.deepcopy(STUDY)
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split("__")]
        here: Any = study
        for part in parents:
            here = here[part]
        if value is GONE:
            del here[last]
        else:
            here[last] = value
    return study


def written(folder: Path, study: dict[str, Any] | str | bytes | None = None) -> Path:
    """A study file in a folder; its runs lie beside it."""
    path = folder / "study.yaml"
    if isinstance(study, bytes):
        path.write_bytes(study)
    elif isinstance(study, str):
        path.write_text(study)
    else:
        path.write_text(yaml.safe_dump({**(study or STUDY), "runs": str(folder / "runs")}, sort_keys=False))
    return path
