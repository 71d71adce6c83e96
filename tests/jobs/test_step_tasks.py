"""Separate tasks of a step: each is done once, in whatever order, and the rest later after a failure or a stop."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from cluster.errors import Refused
from cluster.stop import Drained
from jobs.errors import FailedError, UserError
from jobs.forecast import forecast
from jobs.steps.presentation import Presentation
from jobs.steps.step import Arrays, HasTasks, Results, WithoutPass
from tests.jobs.small import Watching, numbers, small
from tests.jobs.tiny_steps import Mean, in_place_of_the_study


@dataclass(frozen=True)
class Squares(WithoutPass):
    """Task n writes n squared, and notes in a file that it was begun."""

    notes: str
    count: int = 5
    name: ClassVar[str] = "squares"
    version: ClassVar[int] = 1

    def identity(self) -> dict[str, Any]:
        return {"count": self.count}

    def tasks(self, _plan: Any) -> int:
        return self.count

    def perform(self, number: int, _plan: Any, views: Any) -> Arrays:
        with (Path(self.notes) / "begun").open("a") as file:
            file.write(f"{number}\n")
        if (Path(self.notes) / f"slow {number}").exists():
            time.sleep(4)
        if (Path(self.notes) / f"wrong {number}").exists():
            raise UserError("steps.squares: this one cannot be; leave it out.")
        if (Path(self.notes) / f"fails {number}").exists():
            raise ValueError("no square today")
        assert views.net("a") is not None
        return {f"square {number}": np.array(number**2)}

    def finish(self, _plan: Any, arrays: Arrays, _views: Any) -> Results:
        values = [int(arrays[f"square {number}"]) for number in range(self.count)]
        return {"all": xr.Dataset({"square": ("task", values)})}

    def present(self, _plan: Any, _results: Results, _views: Any) -> Presentation:
        return Presentation()

    def begun(self) -> list[int]:
        return [int(line) for line in (Path(self.notes) / "begun").read_text().split()]


@pytest.mark.parametrize("executor", ["serial", "ray"])
def test_every_task_is_done_once(tmp_path: Path, executor: str) -> None:
    step = Squares(str(tmp_path))
    assert isinstance(step, HasTasks)
    with in_place_of_the_study(step):
        run = numbers(small(tmp_path, resources={"executor": executor}))
        assert run.results("squares")["all"]["square"].values.tolist() == [0, 1, 4, 9, 16]
        assert run.watching.done()["squares"] == 5
        again = numbers(small(tmp_path, resources={"executor": executor}))
    assert again.watching.done() == {}
    assert sorted(step.begun()) == list(range(5))


def test_a_task_that_takes_longer_than_others_is_no_straggler(tmp_path: Path) -> None:
    step = Squares(str(tmp_path))
    (tmp_path / "slow 4").touch()
    impatient = {"executor": "ray", "straggler_min_s": 0.5, "straggler_factor": 1.5, "retries": 0}
    with in_place_of_the_study(step):
        run = numbers(small(tmp_path, resources=impatient, images={"limit": 16, "unit": 16}))
    assert run.results("squares")["all"]["square"].values.tolist() == [0, 1, 4, 9, 16]
    assert sorted(step.begun()) == list(range(5))


def test_a_failure_loses_nothing_and_names_the_step(tmp_path: Path) -> None:
    step = Squares(str(tmp_path))
    (tmp_path / "fails 3").touch()
    with in_place_of_the_study(step):
        with pytest.raises(FailedError, match=r"squares: 1 of the units failed for good .*no square today"):
            numbers(small(tmp_path, resources={"retries": 0, "failed_units": "skip"}))
        (tmp_path / "fails 3").unlink()
        done = numbers(small(tmp_path)).watching.done()["squares"]
    assert done == 5 - len(set(step.begun()[: step.begun().index(3)]))
    assert step.begun().count(0) == 1


def test_a_stop_leaves_the_rest_for_later(tmp_path: Path) -> None:
    step = Squares(str(tmp_path))
    with in_place_of_the_study(step):
        with pytest.raises(Drained, match="stopped with 5 of 5 tasks left"):
            numbers(small(tmp_path), watching=Watching(stop_at="squares"))
        assert numbers(small(tmp_path)).watching.done() == {"squares": 5}


def test_what_the_user_got_wrong_is_not_tried_again(tmp_path: Path) -> None:
    step = Squares(str(tmp_path))
    (tmp_path / "wrong 0").touch()
    with in_place_of_the_study(step), pytest.raises(Refused, match=r"steps\.squares: this one cannot be"):
        numbers(small(tmp_path, resources={"retries": 3}))
    assert step.begun().count(0) == 1


def test_the_forecast_counts_them(tmp_path: Path) -> None:
    with in_place_of_the_study(Mean(), Squares(str(tmp_path))):
        found = forecast(small(tmp_path), ())
    assert found.facts["tasks"] == 5
    assert ("tasks", "5, whose time is not in the forecast") in found.lines
