"""Strongest images after a crash: of channels and of directions, ties included, whatever the driver died of."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.ledger import Ledger
from jobs.results import write_results
from jobs.study import Study
from tests.jobs.small import Done, numbers, small

PCA = {"k": 3, "layers": ["conv1"], "direction": {"from": "pca", "index": [0, 1]}}
STEPS: list[Any] = [{"top_images": {"k": 3, "layers": ["input", "relu1"]}}, {"top_images": PCA}]
UNITS = 5


def study(folder: Path, arch: str = "convnet") -> Study:
    """Five units; at the input nearly all images tie."""
    nets = {"a": {"arch": arch, "seed": 1, "options": {"width": 4}}}
    layers = ["input", "conv1", "relu1"]
    return small(folder, nets=nets, layers=layers, images={"limit": 100, "unit": 24}, steps=STEPS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return numbers(study(tmp_path_factory.mktemp("runs")))


@pytest.mark.parametrize("died_at", [4, 17])
def test_a_driver_that_dies_within_a_pass(
    whole: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died_at: int
) -> None:
    """After so many commits; the first pass of five units commits to three ledgers, the second to one."""
    commit, left = Ledger.commit, [died_at]

    def dying(self: Ledger, *arguments: Any) -> bool:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return commit(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "commit", dying)
        with pytest.raises(KeyboardInterrupt):
            numbers(study(tmp_path))
    resumed = numbers(study(tmp_path))
    whole_units = died_at // 3 if died_at < 3 * UNITS else UNITS + died_at - 3 * UNITS
    assert resumed.watching.done() == {"images": 2 * UNITS - whole_units}
    assert resumed.bits() == whole.bits()


@pytest.mark.parametrize("step", ["directions", "top_images"])
def test_a_driver_that_dies_before_it_writes_results(
    whole: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def dying(run: Any, name: str, *arguments: Any) -> None:
        if name.startswith(step):
            raise KeyboardInterrupt
        write_results(run, name, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr("jobs.run.write_results", dying)
        with pytest.raises(KeyboardInterrupt):
            numbers(study(tmp_path))
    resumed = numbers(study(tmp_path))
    assert resumed.watching.done() == {"images": UNITS}, "only the second pass was left"
    assert resumed.bits() == whole.bits()


@pytest.mark.slow
def test_a_killed_driver(tmp_path: Path) -> None:
    """As the command line runs it, killed for good after a commit."""
    results = []
    for name, doomed in (("whole", False), ("killed", True)):
        folder = tmp_path / name
        folder.mkdir()
        asked = study(folder, "tests.jobs.doomed:doomed").model_dump(mode="json", exclude_unset=True, by_alias=True)
        (folder / "study.yaml").write_text(yaml.safe_dump(asked))
        if doomed:
            assert _code(folder, f"after the commit:3:self:{folder / 'sprung'}") == -signal.SIGKILL
        assert _code(folder) == 0
        kept = [path for part in ("results", "figures") for path in folder.glob(f"small-*/{part}/**/*")]
        results.append({path.name: path.read_bytes() for path in kept if path.suffix in (".npz", ".png")})
    assert len(results[0]) == 6
    assert results[0] == results[1]


def _code(folder: Path, doom: str = "") -> int:
    command = [sys.executable, "-m", "jobs", "run", str(folder / "study.yaml"), "--allow-code", "tests.jobs.doomed"]
    environment = os.environ | ({"VITRINE_DOOM": doom} if doom else {})
    return subprocess.run(command, env=environment, capture_output=True, timeout=300).returncode
