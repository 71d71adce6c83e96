"""A study whose steps train all that they look at names no images, networks or layers; every other one must."""

from pathlib import Path
from typing import Any

import pytest

from jobs.study import Study, load
from tests.jobs.command import GONE, changed, written
from tests.jobs.test_study_errors import refused

DATES = {"attend": {"of": "dates"}}
ALONE = {"name": "alone", "steps": [DATES]}


def test_steps_alone_make_a_study() -> None:
    found = Study.model_validate(ALONE)
    assert found.nets == {}
    assert found.nets_and_checkpoints() == []
    assert [load(name).nets for name in ("date-attention", "caption-attention")] == [{}, {}]


@pytest.mark.parametrize("gone", ["images", "nets", "layers"])
@pytest.mark.parametrize("steps", [["attend"], ["evaluate"], [DATES, "correlate"]])
def test_networks_are_needed_by_every_other_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gone: str, steps: list[Any]
) -> None:
    path = written(tmp_path, changed(steps=steps, **{gone: GONE}))
    assert refused(capsys, path) == f"{path}: {gone}: missing; add it, as `vitrine init` shows"


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"of": "date"}, "of: 'date' is unknown; did you mean 'dates'?"),
    ({"of": 3}, "of: '3' is unknown; choose from networks, dates, scenes"),
    ({"of": "dates", "seed": 3}, "seed: unknown key; did you mean 'seeds'?"),
    ({"of": "dates", "seeds": 3}, "seeds: 3; expected a list, as [first, second]"),
    ({"of": "dates", "seeds": [0, 0]}, "seeds: [0, 0]: one training a seed; give each once"),
    ({"of": "dates", "data": {"trian": 5}}, "data.trian: unknown key; did you mean 'train'?"),
    ({"of": "dates", "data": {"train": 4_000_000}}, "data.train: 4000000 + 1000 pairs need as many days, 1000 to 9999"),
    ({"of": "scenes", "data": {"side": 3}}, "data.side: 3; expected at least 20"),
    ({"seeds": [0]}, "seeds: unknown key; choose from blocks, control, grid, images, nets, of, token"),
    ({"nets": "a"}, "nets: 'a'; expected a list, as [a]"),
    ({"token": "x"}, "token: 'x'; expected a whole number, or 'class' or 'mean'"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[message[:30] for _, message in OPTIONS])
def test_wrong_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, changed(steps=[{"attend": options}]))
    assert refused(capsys, path).startswith(f"{path}: steps.0.attend.{message}")
