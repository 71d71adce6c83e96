"""The plan and its keys: everything that decides a number enters, nothing else does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cluster.folder import Folder
from jobs.plan import NetPlan, Plan, digest, step_key

NET = NetPlan(
    arch="convnet", function="f", identity="i", weights=None, trained=False, state="s", parameters=10,
    in_shape=(1, 8, 8), classes=10, preprocess="p",
)  # fmt: skip
PLAN = Plan(
    name="planned", request="r", seed=0, images="m", rows=300, classes=("0", "1"), unit=128, batch=16, groups=16,
    threads=1, device="cpu", dtype="float16", positions="all", nets={"a": NET, "b": NET},
    shapes={"a/conv1": (6, 8, 8), "a/fc1": (12, 1, 1), "b/conv1": (6, 4, 4)}, pivots={"a/fc1": [0.5] * 12},
    versions={"numpy": "2"},
)  # fmt: skip


def net(**changes: Any) -> dict[str, Any]:
    return {"nets": {"a": NET, "b": NET.model_copy(update=changes)}}


@pytest.mark.parametrize(
    "change",
    [
        {"images": "n"}, {"seed": 1}, {"unit": 64}, {"batch": 8}, {"groups": 8}, {"threads": 2}, {"device": "cuda"},
        {"dtype": "float32"}, {"positions": "mean"}, {"positions": 5}, {"nets": {"a": NET}},
        {"nets": {"a": NET, "c": NET}}, net(function="g"), net(identity="j"), net(preprocess="q"),
        net(in_shape=(3, 8, 8)),
    ],
    ids=str,
)  # fmt: skip
def test_what_decides_numbers_is_in_the_key(change: dict[str, Any]) -> None:
    assert PLAN.model_copy(update=change).key != PLAN.key


@pytest.mark.parametrize(
    "change",
    [{"request": "q"}, {"shapes": {}}, {"pivots": {}}, {"versions": {}}, net(weights="elsewhere"), net(state="t")],
    ids=str,
)
def test_what_grows_or_moves_is_not(change: dict[str, Any]) -> None:
    assert PLAN.model_copy(update=change).key == PLAN.key


def test_the_key_does_not_depend_on_the_process() -> None:
    assert PLAN.key == digest(
        ["m", {name: ["f", "i", [1, 8, 8], "p"] for name in "ab"}, 0, [128, 16, 16, 1, "cpu", "float16", "all"]]
    )
    assert PLAN.folder == f"planned-{PLAN.key[:8]}"


def test_step_keys_part_versions_options_and_runs() -> None:
    key = step_key(PLAN, "correlate", 1, {"pairs": [("x", "y")]})
    others = [
        step_key(PLAN, "compare", 1, {"pairs": [("x", "y")]}),
        step_key(PLAN, "correlate", 2, {"pairs": [("x", "y")]}),
        step_key(PLAN, "correlate", 1, {"pairs": [("x", "z")]}),
        step_key(PLAN.model_copy(update={"seed": 1}), "correlate", 1, {"pairs": [("x", "y")]}),
    ]
    assert len({key, *others}) == 5
    assert key == step_key(PLAN, "correlate", 1, {"pairs": [["x", "y"]]}), "as read back from JSON"


def test_a_plan_is_read_back_as_it_was(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    PLAN.save(folder)
    assert Plan.load(folder) == PLAN
    data = json.loads(folder.read("plan.json"))
    folder.write("plan.json", json.dumps({**data, "format": 2}).encode())
    with pytest.raises(ValidationError, match="format"):
        Plan.load(folder)


def test_layers_units_and_pivots() -> None:
    assert PLAN.layers_of("a") == ["conv1", "fc1"]
    assert PLAN.layers_of("b") == ["conv1"]
    assert PLAN.units_of("a/fc1") == 12
    np.testing.assert_array_equal(PLAN.pivot("a/fc1"), np.full(12, 0.5))
    np.testing.assert_array_equal(PLAN.pivot("b/conv1"), np.zeros(6))


@pytest.mark.parametrize(
    ("policy", "samples", "comparable"), [("all", 64, False), (5, 5, False), ("center", 1, True), ("mean", 1, True)]
)
def test_which_layers_compare(policy: Any, samples: int, comparable: bool) -> None:
    plan = PLAN.model_copy(update={"positions": policy})
    assert plan.positions_of("a/conv1")[0] == samples
    assert (plan.positions_of("a/conv1") == plan.positions_of("b/conv1")) is comparable
