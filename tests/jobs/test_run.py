"""A whole run: both executors give the same bits, blocks the same numbers, and what fails says so in one line."""

import fcntl
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from cluster.errors import Refused
from cluster.events import UnitFailed
from jobs.errors import FailedError, UserError
from jobs.nets.convnet import convnet
from tests.jobs.small import NETS, UNITS, Done, Watching, numbers, one_bad_of_twelve, ran, small

HERE = "tests.jobs.test_run"
EVERYTHING: dict[str, Any] = {"layers": ["conv1", "fc1"], "extract": {"store": ["*"]}}
THREE = ["conv1", "conv2", "conv3"]


class Fragile(nn.Module):
    """Fails for the twelve images at the end of the last unit."""

    def __init__(self, in_shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.body = convnet(in_shape, classes, width=4)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 12:
            raise RuntimeError("twelve is too many")
        result: Tensor = self.body(x)
        return result


def fragile(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    return Fragile(in_shape, classes)


def loud(in_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Activations of the first layer lie beyond float16."""
    net = convnet(in_shape, classes, width=4)
    net.get_submodule("conv1").weight.data.mul_(1e6)  # type: ignore[operator]
    return net


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run with everything stored."""
    return ran(small(tmp_path_factory.mktemp("runs"), **EVERYTHING))


def test_a_run_leaves_what_the_design_says(whole: Done) -> None:
    names = whole.blobs.list()
    assert whole.watching.done() == {"images": UNITS}
    assert set(whole.manifest["stored"]) == {"a/conv1", "a/fc1", "b/conv1", "b/fc1"}
    assert {name.split("/")[0] for name in names} == {
        "activations", "driver.lock", "figures", "images.jsonl.gz", "ledger", "manifest.json", "plan.json", "report",
        "results",
    }  # fmt: skip
    assert len(whole.records()) == 3 * UNITS
    for step in whole.manifest["steps"]:
        assert [name for name in names if name.startswith(f"ledger/{step}/node-")] == [
            f"ledger/{step}/node-02-00000.npz"
        ], "only the root of the tree is kept"
    assert not [name for name in names if name.endswith(".partial")]


def test_a_finished_study_is_found_again(whole: Done) -> None:
    runs = Path(whole.finished.folder).parent
    before = whole.bits("")
    began = time.perf_counter()
    again = ran(small(runs, **EVERYTHING))
    assert time.perf_counter() - began < 5
    assert again.finished.computed_units == 0
    assert again.watching.events == []
    assert {name: data for name, data in again.bits("").items() if name != "driver.lock"} == {
        name: data for name, data in before.items() if name != "driver.lock"
    }


def test_ray_gives_the_same_bits(whole: Done, ray_session: None, tmp_path: Path) -> None:
    ray = ran(small(tmp_path, **EVERYTHING, resources={"executor": "ray", "workers": 2}))
    assert ray.watching.done() == {"images": UNITS}
    assert ray.bits() == whole.bits()


def test_several_blocks_give_the_same_numbers(tmp_path: Path) -> None:
    one = numbers(small(tmp_path / "one", layers=THREE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 40_000)
        several = numbers(small(tmp_path / "several", layers=THREE))
    assert one.watching.done() == {"images": UNITS}
    assert several.watching.done() == {"images": 2 * UNITS}
    assert one.bits("results", "figures") == several.bits("results", "figures")


def test_other_blocks_are_not_mistaken(tmp_path: Path) -> None:
    """A run that was stopped with small blocks goes on with larger ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 10_000)
        patch.setattr("jobs.run.write_results", lambda *arguments: pytest.fail("stopped here"))
        with pytest.raises(pytest.fail.Exception, match="stopped here"):
            numbers(small(tmp_path, layers=THREE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 20_000)
        resumed = numbers(small(tmp_path, layers=THREE))
    whole = numbers(small(tmp_path / "whole", layers=THREE))
    assert resumed.watching.done() == {"images": UNITS}, "the pair that is a block of its own again was done before"
    assert resumed.bits("results") == whole.bits("results")


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    done = numbers(small(tmp_path, steps=["evaluate"]))
    with (Path(done.finished.folder) / "driver.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"another vitrine run is working on it; wait for it or stop it\.$"):
            numbers(small(tmp_path, steps=["evaluate"]))
    assert numbers(small(tmp_path, steps=["evaluate"])).finished.computed_units == 0


def test_an_overflow_names_layer_value_and_fix(tmp_path: Path) -> None:
    nets = {name: {"arch": f"{HERE}:loud", "seed": seed} for name, seed in (("a", 1), ("b", 2))}
    study = {"nets": nets, "layers": ["conv1"], "images": {"limit": 40}}
    with pytest.raises(Refused, match=r"a/conv1 has the value -?[0-9.e+]+ in row [0-9]+.*set extract\.dtype: float32"):
        numbers(small(tmp_path, **study, extract={"store": ["*"]}), allow_code=(HERE,))
    done = numbers(small(tmp_path, **study, extract={"store": ["*"], "dtype": "float32"}), allow_code=(HERE,))
    assert np.abs(done.results()["conv1"]["mean_a"].values).max() > 65504
    assert done.results()["conv1"]["rho"].notnull().all()


def test_a_unit_that_always_fails_may_be_skipped(tmp_path: Path) -> None:
    nets = {"a": {"arch": f"{HERE}:fragile", "seed": 1}, "b": NETS["b"]}
    study = {"nets": nets, "layers": {"a": ["body.conv1"], "b": ["conv1"]}}
    with pytest.raises(FailedError, match=r"unit 2: RuntimeError: twelve is too many.*failed_units: skip"):
        ran(small(tmp_path, **study, resources={"retries": 0}), allow_code=(HERE,))
    watching = Watching()
    skipping = small(tmp_path, **study, resources={"retries": 1, "failed_units": "skip"})
    done = ran(skipping, (HERE,), watching)
    assert sum(isinstance(event, UnitFailed) for _, event in watching.events) == 2
    assert watching.done() == {}, "the other units were done before"
    assert int(done.results("evaluate")["accuracy"]["images"]) == 256
    assert "Unit 2 (images 256 to 299) failed for good" in done.page
    assert "twelve is too many" in done.page
    assert ran(skipping, (HERE,)).finished.computed_units == 0


def test_too_many_bad_images_fail_every_time(tmp_path: Path) -> None:
    folder = one_bad_of_twelve(tmp_path / "images")
    images = {"source": "imagefolder", "root": str(folder.parent), "mode": "L", "unit": 4, "batch": 4, "limit": None}
    study = {"layers": ["conv1"], "steps": [{"correlate": {}}, "evaluate"]}
    for _ in range(2):
        with pytest.raises(FailedError, match=r"1 of 12 images cannot be decoded, first digit/03\.png .*max_bad"):
            ran(small(tmp_path, images={**images, "max_bad": 0.05}, **study))
    done = ran(small(tmp_path, images={**images, "max_bad": 0.1}, **study))
    assert int(done.results()["conv1"]["samples"]) == 11 * 64
    assert "1 of 12 images could not be decoded" in done.page
