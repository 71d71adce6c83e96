"""Networks of a study: trained once and found again, with the checkpoints asked for; changed weights are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.stop import Drained, Stop
from jobs.errors import UserError
from tests.jobs.small import TRAINED, UNITS, Watching, numbers, small


def trained(**train: Any) -> dict[str, Any]:
    """The keys of a study of one trained network."""
    recipe: dict[str, Any] = {"seed": 1, "epochs": 2, "batch": 16, **train}
    return {
        "nets": {"a": {**TRAINED, "train": recipe}},
        "layers": ["conv1"],
        "steps": ["evaluate"],
    }


def folders(runs: Path) -> list[Path]:
    return sorted((runs / "nets").iterdir())


def test_a_training_is_found_by_its_recipe(tmp_path: Path) -> None:
    first = numbers(small(tmp_path, **trained()))
    assert first.watching.done() == {"training": 1, "images": UNITS}
    (folder,) = folders(tmp_path)
    record = json.loads((folder / "record.json").read_text())
    assert folder.name == f"convnet-{record['key'][:8]}"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = numbers(small(tmp_path, name="again", **trained()))
    assert again.watching.done() == {"images": UNITS}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    other = numbers(small(tmp_path, name="again", **trained(seed=2)))
    assert other.watching.done() == {"training": 1, "images": UNITS}
    assert len(folders(tmp_path)) == 2
    assert other.finished.folder != again.finished.folder


def test_checkpoints_asked_for_later_are_made(tmp_path: Path) -> None:
    plain = numbers(small(tmp_path, **trained()))
    (folder,) = folders(tmp_path)
    weights = (folder / "final.safetensors").read_bytes()
    kept = numbers(small(tmp_path, **trained(checkpoints=[0, 2])))
    assert kept.watching.done() == {"training": 1, "images": UNITS}, "the plan has the checkpoints as networks too"
    assert kept.finished.folder != plain.finished.folder
    assert folders(tmp_path) == [folder]
    assert (folder / "final.safetensors").read_bytes() == weights
    assert (folder / "epoch-0002.safetensors").read_bytes() == weights
    assert (folder / "epoch-0000.safetensors").read_bytes() != weights
    assert numbers(small(tmp_path, **trained(checkpoints=[2]))).watching.done() == {"images": UNITS}


def test_weights_changed_after_training_are_refused(tmp_path: Path) -> None:
    numbers(small(tmp_path, **trained(checkpoints=[0])))
    (folder,) = folders(tmp_path)
    (folder / "final.safetensors").write_bytes((folder / "epoch-0000.safetensors").read_bytes())
    with pytest.raises(
        UserError, match=r"nets\.a: .*final\.safetensors has sha256 .* delete its folder to train again"
    ):
        numbers(small(tmp_path, name="again", **trained(checkpoints=[0])))


def test_a_stop_during_training(tmp_path: Path) -> None:
    study = {
        **trained(),
        "nets": {name: {**TRAINED, "train": {"seed": s, "epochs": 1}} for s, name in enumerate("ab")},
    }
    stop = Stop()
    with pytest.raises(Drained):
        numbers(small(tmp_path, **study), watching=Watching(stop, stop_at="training"))
    done = numbers(small(tmp_path, **study))
    assert done.watching.done() == {"training": 2, "images": UNITS}


def test_images_without_a_split_need_others_to_train_on(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=pictures, labels=np.arange(20) % 10)
    images = {"source": "npz", "file": str(tmp_path / "images.npz"), "unit": 8, "limit": None}
    with pytest.raises(UserError, match=r"nets\.a\.train: images\.source npz has no train split; name the images in"):
        numbers(small(tmp_path, images=images, **trained()))
    done = numbers(small(tmp_path, images=images, **trained(images={"source": "digits"})))
    assert done.watching.done() == {"training": 1, "images": 3}
    record = json.loads((folders(tmp_path)[0] / "record.json").read_text())
    assert record["images"] == 1437
    assert record["test_accuracy"] > 0.5
