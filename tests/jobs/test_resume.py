"""Kill anything at any point: the same command again ends with an uninterrupted run's bits, and repeats no unit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.doomed import POINTS

STUDY = """
name: doomed
runs: {runs}
images: {{source: digits, unit: 128, batch: 16}}
nets:
  a: {{arch: "tests.jobs.doomed:doomed", seed: 1}}
  b: {{arch: "tests.jobs.doomed:doomed", seed: 2}}
layers: [conv1, conv2, fc1]
extract: {{store: ["*"]}}
steps: [correlate]
resources: {{executor: {executor}, workers: 2}}
"""
UNITS = 15
SEED = int(os.environ.get("VITRINE_TEST_SEED", random.SystemRandom().randrange(2**32)))


@dataclass(frozen=True)
class Ground:
    """A folder with a study in it, run by the command line in a process of its own."""

    folder: Path

    @property
    def run(self) -> Path:
        return next((self.folder / "runs").glob("doomed-*"))

    def start(self, executor: str, doom: str = "") -> subprocess.Popen[str]:
        self.folder.mkdir(exist_ok=True)
        study = self.folder / "study.yaml"
        study.write_text(STUDY.format(runs=self.folder / "runs", executor=executor))
        environment = os.environ | {"RAY_AUTH_MODE": "disabled"} | ({"VITRINE_DOOM": doom} if doom else {})
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", str(study), "--allow-code", "tests.jobs.doomed"],
            cwd=Path(__file__).parents[2],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        (self.folder / "driver.pid").write_text(str(process.pid))
        return process

    def finish(self, executor: str, doom: str = "") -> int:
        process = self.start(executor, doom)
        _, said = process.communicate(timeout=300)
        assert "Traceback" not in said, said
        return process.returncode

    def records(self) -> dict[str, dict[str, object]]:
        """Every commit record, by ledger and unit."""
        return {
            str(path.relative_to(self.run)): json.loads(path.read_text())
            for path in sorted(self.run.glob("ledger/*/unit-*.json"))
        }

    def bits(self) -> dict[str, bytes]:
        """Everything that must not depend on an interruption: activations, results, arrays and pictures of figures."""
        kept = [path for part in ("activations", "results", "figures") for path in (self.run / part).rglob("*")]
        return {str(path.relative_to(self.run)): path.read_bytes() for path in sorted(kept) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """An uninterrupted run of the serial executor."""
    ground = Ground(tmp_path_factory.mktemp("whole"))
    assert ground.finish("serial") == 0
    assert len(ground.records()) == 3 * UNITS
    return ground


def test_the_reference_holds_what_it_should(whole: Ground) -> None:
    bits = whole.bits()
    assert sum("activations/a/conv1/c/" in name for name in bits) == UNITS
    assert {name for name in bits if name.endswith(".png")}
    with np.load(whole.run / "figures" / "correlate-matrices-conv1.npz") as arrays:
        assert np.nanmax(np.abs(arrays["between,_natural_order"])) > 0.3


def cases() -> list[object]:
    draw = random.Random(SEED)
    every = [(executor, point) for executor in ("ray", "serial") for point in POINTS]
    quick = ("ray", draw.choice(POINTS))
    return [
        pytest.param(*case, draw.randrange(2, UNITS), marks=() if case == quick else pytest.mark.slow) for case in every
    ]


@pytest.mark.parametrize(("executor", "point", "unit"), cases())
def test_the_driver_may_die(whole: Ground, tmp_path: Path, executor: str, point: str, unit: int) -> None:
    print(f"seed {SEED}: {executor} driver killed {point} of unit {unit}")
    ground = Ground(tmp_path / "run")
    victim = str(ground.folder / "driver.pid")
    assert ground.finish(executor, f"{point}:{unit}:{victim}:{tmp_path / 'sprung'}") == -signal.SIGKILL
    time.sleep(1)  # workers whose driver died are ended by Ray
    before = ground.records()
    assert len(before) < 3 * UNITS
    assert ground.finish(executor) == 0
    after = ground.records()
    assert {name: after[name] for name in before} == before, "a committed unit was computed again"
    assert ground.bits() == whole.bits()


@pytest.mark.parametrize("point", [pytest.param(p, marks=pytest.mark.slow) if p != POINTS[1] else p for p in POINTS])
def test_a_worker_may_die(whole: Ground, tmp_path: Path, point: str) -> None:
    ground, unit = Ground(tmp_path / "run"), random.Random(SEED).randrange(UNITS)
    print(f"seed {SEED}: worker killed {point} of unit {unit}")
    assert ground.finish("ray", f"{point}:{unit}:self:{tmp_path / 'sprung'}") == 0
    assert (tmp_path / "sprung").exists()
    assert ground.bits() == whole.bits()


@pytest.mark.slow
def test_an_interrupt_drains(whole: Ground, tmp_path: Path) -> None:
    ground = Ground(tmp_path / "run")
    process = ground.start("ray")
    deadline = time.monotonic() + 120
    while not list((ground.folder / "runs").glob("*/ledger/*/unit-*.json")):
        assert time.monotonic() < deadline, "no unit was committed"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("all units were done before the signal came")
    assert process.returncode == 75, said
    assert "Run the same command again" in said
    before = ground.records()
    assert ground.finish("ray") == 0
    assert {name: ground.records()[name] for name in before} == before
    assert ground.bits() == whole.bits()
