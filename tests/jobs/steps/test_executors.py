"""The steps between layers, whoever computes them: the same bits on Ray, sums of the same size however many images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.forecast import forecast
from jobs.memory import gigabytes
from jobs.nets.build import build
from jobs.nets.weights import save_weights
from jobs.passes import layout
from jobs.plan import Plan
from jobs.steps.step import Step
from jobs.study import Study, load
from tests.jobs.command import changed, written
from tests.jobs.small import NETS, Done, numbers, small
from tests.jobs.test_memory import held_bytes

STEPS: list[Any] = [
    {"compare": {"measures": ["svcca", "cka"], "draws": 100}},
    {"compare": {"measures": ["cca", "svcca"], "fourier": 3, "pairs": "all", "draws": 100}},
    {"compare": {"measures": ["rsa", "mutual_neighbors"], "max_images": 60, "draws": 100}},
    {"regress": {"penalties": [0.1, 0.01], "draws": 100}},
    {"classes": {"classes": ["0", "3"], "draws": 100}},
    {"dynamics": {"draws": 100}},
]


def nets(folder: Path) -> dict[str, Any]:
    """Two random networks, one of them with a checkpoint."""
    for name, seed in (("end", 1), ("early", 5)):
        save_weights(build("convnet", (1, 8, 8), 10, {"width": 6}, (), seed), folder / f"{name}.safetensors")
    files = {"weights": str(folder / "end.safetensors"), "checkpoints": {0: str(folder / "early.safetensors")}}
    return {"a": {"arch": "convnet", "options": {"width": 6}, **files}, "b": NETS["b"]}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return numbers(whole(tmp_path_factory.mktemp("serial")))


def whole(folder: Path, **changes: Any) -> Study:
    layers = ["conv2", "conv3", "fc1"]
    study = {"nets": nets(folder), "layers": layers, "steps": STEPS, "extract": {"store": ["*"]}, **changes}
    return small(folder, **{"images": {"limit": 150, "unit": 64}, **study})


def test_ray_gives_the_same_bits(serial: Done, ray_session: None, tmp_path: Path) -> None:
    ray = numbers(whole(tmp_path, resources={"executor": "ray", "workers": 2}))
    assert ray.watching.done() == {"images": 3}
    assert ray.bits() == serial.bits()


def sums(run: Done, study: Study) -> list[tuple[Step, int]]:
    """Every block of the run's steps, with the bytes of its merged arrays: those of a unit and of every node too."""
    found = []
    for work in layout(study, Plan.load(run.blobs)).works:
        for part in work.parts:
            (node,) = (name for name in run.blobs.list(f"ledger/{part.ledger}") if "/node-" in name)
            with np.load(Path(run.finished.folder) / node) as arrays:
                found.append((part.step, sum(arrays[name].nbytes for name in arrays)))
    return found


def test_sums_are_as_large_as_projected_whatever_the_images(serial: Done, tmp_path: Path) -> None:
    large = whole(tmp_path, images={"limit": 600}, steps=STEPS[:2] + STEPS[3:])
    few, many = sums(serial, whole(tmp_path)), sums(numbers(large), large)
    assert [held for _, held in few] == [held for _, held in many]
    assert [step.name for step, _ in few] == ["evaluate", "compare", "compare", "regress", "classes", "dynamics"]
    for step, held in few:
        projected = step.result_bytes(Plan.load(serial.blobs))
        if step.name == "classes":  # the targets of a network count with each of its layers: any of them may be alone
            assert 0.8 * projected < held <= projected
        elif step.name != "evaluate":
            assert held == projected, step.name


@pytest.mark.slow
@pytest.mark.parametrize("step", ["compare", "regress"])
def test_four_times_the_images_take_no_more_memory(step: str, tmp_path: Path) -> None:
    held = []
    for images in (400, 1600):
        folder = tmp_path / str(images)
        folder.mkdir()
        options = {"compare": {"measures": ["svcca", "cka"]}, "regress": {}}[step]
        study = changed(
            images__limit=images, images__unit=100, images__batch=50, layers=["conv3", "fc1"], extract={},
            steps=[{step: options}],
        )  # fmt: skip
        path = written(folder, study)
        held.append(held_bytes(path))
        assert held[-1] <= forecast(load(str(path)), ()).facts["memory_bytes"]
    assert held[1] < 1.05 * held[0], f"{gigabytes(held[1])} and {gigabytes(held[0])}"
