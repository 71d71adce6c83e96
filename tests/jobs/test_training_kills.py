"""A training of a step that is killed at any step, or while any of its files is written, goes on from its last
checkpoint to the same weights, bit for bit."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.doomed_training import noted

STUDY = """
name: doomed
runs: {folder}/runs
images: {{source: digits, batch: 64, split: test, limit: 50}}
nets: {{a: {{arch: "tests.jobs.doomed_training:doomed"}}}}
layers: [conv1]
steps:
  - freeze: {{train: {{epochs: 5, batch: 256, optimizer: adam}}, seeds: 1, images: 50}}
  - dsd: {{train: {{epochs: 2, batch: 256}}, then: [2, 1], seeds: 1, sparsity: 0.5}}
resources: {{executor: {executor}, workers: 1, retries: 2}}
"""
ROOT = Path(__file__).parents[2]
STEPS = 6  # of an epoch
WHOLE = STEPS * (5 + 5 + 2 + 2 + 1 + 2 + 1 + 5)
SEED = int(os.environ.get("VITRINE_TEST_SEED", random.SystemRandom().randrange(2**32)))


def run(folder: Path, executor: str, doom: str) -> int:
    """The exit code of a run in a process of its own."""
    folder.mkdir(exist_ok=True)
    study = folder / "study.yaml"
    study.write_text(STUDY.format(folder=folder, executor=executor))
    environment = os.environ | {"VITRINE_DOOM_TRAINING": f"{doom}:{folder}", "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-m", "jobs", "run", str(study), "--allow-code", "tests.jobs.doomed_training"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode


def weights(folder: Path) -> dict[str, bytes]:
    """The final weights of every training, by the folder of its recipe."""
    return {path.parent.name: path.read_bytes() for path in folder.glob("runs/nets/*/final.safetensors")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder, "serial", "steps:0") == 0
    assert noted(folder, "steps") == WHOLE
    assert noted(folder, "files") > WHOLE / STEPS, "every epoch is saved"
    assert len(weights(folder)) == 8
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["serial", "ray"])
@pytest.mark.parametrize("what", ["steps", "files"])
def test_a_killed_training_goes_on_to_the_same_bits(whole: Path, executor: str, what: str, tmp_path: Path) -> None:
    kill_at = random.Random(SEED).randrange(1, noted(whole, what))
    folder = tmp_path / executor
    first = run(folder, executor, f"{what}:{kill_at}")
    if executor == "serial":
        assert first == -signal.SIGKILL
        assert noted(folder, what) == kill_at
        assert run(folder, executor, f"{what}:0") == 0
    else:
        assert first == 0, "a worker that died is replaced"
        assert noted(folder, what) > kill_at
    assert weights(folder) == weights(whole), f"killed at {what} {kill_at}: VITRINE_TEST_SEED={SEED}"
    again = noted(folder, "steps") - WHOLE
    assert 0 <= again <= STEPS, f"at most an epoch is trained again, killed at {what} {kill_at}"
