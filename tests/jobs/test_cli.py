"""Every command: what it prints and where, its exit code, and what it leaves on the disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from cluster.events import Event, UnitDone
from jobs import commands
from jobs.__main__ import _guarded
from jobs.progress import Progress
from jobs.study import shipped
from tests.jobs.command import STUDY, changed, vitrine, written

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study that has run; tests that alter the run take a copy."""
    path = written(tmp_path_factory.mktemp("whole"))
    assert vitrine("run", path) == 0
    return path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole.parent / "runs", tmp_path / "runs")
    return written(tmp_path)


def the_run(path: Path) -> Path:
    return next((path.parent / "runs").glob("small-*"))


def files(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_help_is_instant() -> None:
    script = Path(sys.executable).with_name("vitrine")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "jobs"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        said = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, env=environment)
        seconds.append(time.perf_counter() - began)
        assert "run" in said.stdout
        assert said.stderr == ""
    assert min(seconds) < 0.3, f"best of five {min(seconds):.2f} s"


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = "torch", "ray", "numpy", "pydantic", "yaml", "rich.progress"
    code = f"import jobs.__main__, sys; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "vitrine: Missing argument 'STUDY'. See vitrine --help.\n"),
        (["frob"], "vitrine: No such command 'frob'. See vitrine --help.\n"),
        (["run", "digits", "--frob"], "vitrine: No such option: --frob. See vitrine --help.\n"),
    ],
)
def test_wrong_words_are_user_errors(words: list[str], says: str, capsys: Capture) -> None:
    assert vitrine(*words) == 2
    assert capsys.readouterr() == ("", says)


def test_no_words_print_the_help(capsys: Capture) -> None:
    assert vitrine() == 2
    assert capsys.readouterr().err.startswith("Usage: ")


def test_mixed_builds_of_torch_are_one_line(capsys: Capture) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    assert _guarded(broken) == 2
    assert "install both together, from one index" in capsys.readouterr().err


def test_init_writes_a_study_that_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    assert vitrine("init", "mine.yaml") == 0
    assert capsys.readouterr().out == "mine.yaml\nrun it with: vitrine run mine.yaml\n"
    assert vitrine("plan", "mine.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1797
    assert os.listdir(tmp_path) == ["mine.yaml"]


def test_init_overwrites_nothing(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path, "mine")
    assert vitrine("init", path) == 2
    assert "exists; give another name" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert vitrine("init", tmp_path / "no" / "folder.yaml") == 2


def test_the_schema_admits_what_load_admits(capsys: Capture) -> None:
    assert vitrine("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    studies = [yaml.safe_load(path.read_text()) for path in shipped().values()]
    for study in [*studies, changed(steps=["correlate", "evaluate"], resources__memory="2GB")]:
        jsonschema.validate(study, schema)


@pytest.mark.parametrize(
    "changes",
    [
        {"nmae": 1},
        {"images__bacth": 1},
        {"images__source": "digitz"},
        {"steps": ["corelate"]},
        {"steps__0": {"correlate": {}, "evaluate": {}}},
        {"nets__a__train": {"epoch": 1}},
        {"resources__memory_bytes": "many", "resources__workers": 0},
    ],
)
def test_the_schema_refuses_what_load_refuses(changes: dict[str, Any], capsys: Capture) -> None:
    assert vitrine("schema") == 0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(**changes), json.loads(capsys.readouterr().out))


def test_run_prints_one_object_for_machines(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path)
    for units in (2, 0):
        assert vitrine("run", path, "--json") == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert said.out.count("\n") == 1
        found = json.loads(said.out)
        assert found["computed_units"] == units
        assert Path(found["report"]).is_file()
        assert Path(found["folder"]) == the_run(path)


def test_run_prints_the_report_for_people(whole: Path, capsys: Capture) -> None:
    assert vitrine("run", whole) == 0
    run = the_run(whole)
    assert capsys.readouterr().out == f"{run}/report/index.html\nnothing left to compute; everything is in {run}\n"


def test_plan_prints_figures_and_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path, changed(nets__a__seed=None, nets__a__train={"epochs": 1}))
    assert vitrine("plan", path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["images"], facts["units"], facts["trainings"], facts["stored_layers"]) == (64, 2, 1, 4)
    assert vitrine("plan", path) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["images"] == "64 in 2 units of 32, batches of 16"
    assert set(lines) == {
        "run", "images", "groups", "trainings", "passes", "workers", "stored", "results", "memory", "time",
    }  # fmt: skip
    assert os.listdir(tmp_path) == ["study.yaml"]


@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_nothing_to_say_before_a_run(tmp_path: Path, command: str, capsys: Capture) -> None:
    path = written(tmp_path)
    assert vitrine(command, path) == 2
    assert capsys.readouterr().err == (
        f"vitrine: small: no run of this study in {tmp_path}/runs; start it with `vitrine run`.\n"
    )
    assert os.listdir(tmp_path) == ["study.yaml"]


def test_status_of_a_finished_run(whole: Path, capsys: Capture) -> None:
    assert vitrine("status", whole) == 0
    first, *ledgers = capsys.readouterr().out.splitlines()
    assert first == f"{the_run(whole)}: finished, 64 images in 2 units"
    assert sorted(line.split("-")[0].strip() for line in ledgers) == ["correlate", "evaluate", "extract"]
    assert all(line.endswith(": 2 of 2 units") for line in ledgers)
    assert vitrine("status", whole, "--json") == 0
    assert json.loads(capsys.readouterr().out)["finished"] is True


def test_status_counts_tasks_apart_from_units(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path, changed(steps=[{"maximize": {"channels": 10, "ways": ["none"], "steps": 2}}]))
    assert vitrine("run", path) == 0
    capsys.readouterr()
    assert vitrine("status", path) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "maximize" in line]
    networks = len(yaml.safe_load(path.read_text())["nets"])
    assert line.endswith(f": {2 * networks} of {2 * networks} tasks"), "ten units of each, eight to a task"


def test_report_draws_again_from_the_results(copied: Path, capsys: Capture) -> None:
    run = the_run(copied)
    shutil.rmtree(run / "report")
    shutil.rmtree(run / "figures")
    results = files(run / "results") | files(run / "ledger") | files(run / "activations")
    assert vitrine("report", copied) == 0
    assert capsys.readouterr().out == f"{run}/report/index.html\n"
    assert (run / "report" / "index.html").stat().st_size > 10_000
    assert list((run / "figures").glob("*.png"))
    assert files(run / "results") | files(run / "ledger") | files(run / "activations") == results


def test_verify_accepts_what_was_committed(whole: Path, capsys: Capture) -> None:
    assert vitrine("verify", whole) == 0
    assert capsys.readouterr().out == "10 shards hashed, 0 problems\n"


def test_verify_needs_a_store(tmp_path: Path, capsys: Capture) -> None:
    path = written(tmp_path, changed(extract={}))
    assert vitrine("run", path) == 0
    assert vitrine("verify", path) == 2
    assert "no finished run with stored activations to verify" in capsys.readouterr().err


def damaged(shard: Path, how: str) -> None:
    data = bytearray(shard.read_bytes())
    if how == "altered":
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    elif how == "truncated":
        shard.write_bytes(data[:-1])
    else:
        shard.unlink()


@pytest.mark.parametrize("how", ["altered", "truncated", "deleted"])
def test_verify_names_a_shard_that_changed(copied: Path, how: str, capsys: Capture) -> None:
    run = the_run(copied)
    shard = sorted(path for path in (run / "activations" / "b" / "conv1" / "c").rglob("*") if path.is_file())[1]
    damaged(shard, how)
    assert vitrine("verify", copied) == 1
    said = capsys.readouterr()
    problem, total = said.out.splitlines()
    assert str(shard.relative_to(run / "activations")) in problem
    assert total == "10 shards hashed, 1 problems"
    assert said.err == "vitrine: Failed: 1 of 10 shards are not what was committed.\n"
    assert vitrine("verify", copied, "--json") == 1
    assert json.loads(capsys.readouterr().out)["problems"] == [problem]


class Terminated(Progress):
    """Sends this process the signal of a scheduler that wants its machine back, after the first unit."""

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, UnitDone):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_drained_run_is_incomplete_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = written(tmp_path, changed(images__unit=16))
    with monkeypatch.context() as patch:
        patch.setattr(commands, "Progress", Terminated)
        assert vitrine("run", path) == 75
    assert capsys.readouterr().err.endswith(
        "vitrine: Incomplete: stopped with 3 of 4 units left. Run the same command again to go on.\n"
    )
    assert vitrine("status", path, "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert set(status["committed"].values()) == {1}
    assert status["finished"] is False
    assert vitrine("verify", path) == 2
    assert vitrine("report", path) == 2
    capsys.readouterr()
    assert vitrine("run", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["computed_units"] == 3


def test_an_interrupt_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_study", interrupted)
    assert vitrine("run", written(tmp_path, {**STUDY})) == 75
    assert capsys.readouterr().err == "vitrine: Interrupted: run the same command again to go on.\n"
