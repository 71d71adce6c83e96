"""A step that takes in what others found has a pass of its own after theirs, and so after an interruption too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.ledger import Ledger
from cluster.stop import Drained
from jobs.passes import layout
from jobs.plan import Plan
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits, flat, maps, random_convnet
from tests.jobs.small import UNITS, Done, Watching, numbers, ran, small
from tests.jobs.tiny_steps import Above, Largest, Mean, in_place_of_the_study

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}


def study(folder: Path, **changes: Any) -> Study:
    return small(folder, nets=ONE, layers=["conv1"], images={"limit": 70, "unit": 32}, **changes)


def values(run: Done) -> np.ndarray:
    """(samples, channels) of the layer over all images."""
    return flat(maps(random_convnet(1), digits(digit_rows(run.blobs))[0], "conv1"))


def test_a_step_is_informed_before_its_own_pass(tmp_path: Path) -> None:
    with in_place_of_the_study(Above()):
        run = numbers(study(tmp_path))
    x = values(run)
    np.testing.assert_allclose(run.results("mean")["all"]["mean"], x.mean(0), atol=1e-6)
    np.testing.assert_allclose(run.results("above")["all"]["mean"], (x > x.mean(0)).mean(0), atol=1e-4)
    assert run.watching.done() == {"images": 2 * UNITS}


def test_results_come_in_the_order_of_the_prerequisites(tmp_path: Path) -> None:
    for number, before in enumerate([(Mean(), Largest()), (Largest(), Mean())]):
        with in_place_of_the_study(Above(before=before)):
            run = numbers(study(tmp_path / str(number)))
        x = values(run)
        means = {"mean": x.mean(0), "magnitude": np.abs(x).mean(0)}
        level = means[before[0].name] + 10 * means[before[1].name]
        np.testing.assert_allclose(run.results("above")["all"]["mean"], (x > level).mean(0), atol=1e-4)
        assert run.watching.done() == {"images": 2 * UNITS}, "both prerequisites share a pass"


def test_a_prerequisite_that_others_need_too_is_computed_once(tmp_path: Path) -> None:
    steps = (Above(), Mean(), Largest(), Above(before=(Mean(), Largest())))
    with in_place_of_the_study(*steps):
        run = numbers(study(tmp_path))
        stages = layout(study(tmp_path), Plan.load(run.blobs)).stages()
    assert [[work.step.name for work in stage] for stage in stages] == [["mean", "magnitude"], ["above", "above"]]
    assert [len(work.after) for work in stages[1]] == [1, 2]
    assert run.watching.done() == {"images": 2 * UNITS}
    assert [name.partition("-")[0] for name in run.manifest["steps"]] == ["mean", "above", "magnitude", "above"]


def test_a_step_that_waits_for_nothing_is_of_the_first_stage(tmp_path: Path) -> None:
    found = replace(Above(before=()), level=np.zeros(6))
    with in_place_of_the_study(found):
        run = numbers(study(tmp_path))
        assert len(layout(study(tmp_path), Plan.load(run.blobs)).stages()) == 1
    np.testing.assert_allclose(run.results("above")["all"]["mean"], (values(run) > 0).mean(0), atol=1e-4)
    assert run.watching.done() == {"images": UNITS}


def test_the_report_presents_the_informed_step(tmp_path: Path) -> None:
    with in_place_of_the_study(Above()):
        run = ran(study(tmp_path))
    level = run.results("mean")["all"]["mean"].values
    assert f"above was presented with {level}".replace("\n", " ")[:40] in run.page.replace("\n", " ")


class StopAtSecond(Watching):
    """Asks for a stop when the second pass begins."""

    def __call__(self, label: str, total: int, done: int) -> Any:
        self.opened = getattr(self, "opened", 0) + 1
        if self.opened == 2:
            self.stop.request()
        return super().__call__(label, total, done)


def test_a_stop_between_the_stages(tmp_path: Path) -> None:
    with in_place_of_the_study(Above()):
        whole = numbers(study(tmp_path / "whole"))
        with pytest.raises(Drained, match="stopped with 3 of 3 units left"):
            numbers(study(tmp_path / "again"), watching=StopAtSecond())
        resumed = numbers(study(tmp_path / "again"))
    assert resumed.watching.done() == {"images": UNITS}, "the first stage is not repeated"
    assert resumed.bits() == whole.bits()


@pytest.mark.parametrize("died_at", [1, 3, 4])
def test_a_driver_that_dies_in_either_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died_at: int) -> None:
    """Before it commits so many units; those that were are not computed again."""
    commit, left = Ledger.commit, [died_at]

    def dying(self: Ledger, *arguments: Any) -> bool:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return commit(self, *arguments)

    with in_place_of_the_study(Above()):
        whole = numbers(study(tmp_path / "whole"))
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "commit", dying)
            with pytest.raises(KeyboardInterrupt):
                numbers(study(tmp_path / "again"))
        resumed = numbers(study(tmp_path / "again"))
    assert resumed.watching.done() == {"images": 2 * UNITS - died_at}
    assert resumed.bits() == whole.bits()


def test_a_finished_prerequisite_serves_a_step_that_is_added(tmp_path: Path) -> None:
    with in_place_of_the_study(Mean()):
        first = numbers(study(tmp_path))
    with in_place_of_the_study(Mean(), Above()):
        grown = numbers(study(tmp_path))
    assert first.finished.folder == grown.finished.folder
    assert grown.watching.done() == {"images": UNITS}
    x = values(grown)
    np.testing.assert_allclose(grown.results("above")["all"]["mean"], (x > x.mean(0)).mean(0), atol=1e-4)


def test_stored_activations_serve_both_stages(tmp_path: Path) -> None:
    with in_place_of_the_study(Above()):
        run = numbers(study(tmp_path, extract={"store": ["*"], "statistics": [], "dtype": "float32"}))
    assert run.watching.done() == {"images": UNITS, "reading the store": 2 * UNITS}
    x = values(run)
    np.testing.assert_allclose(run.results("above")["all"]["mean"], (x > x.mean(0)).mean(0), atol=1e-4)
