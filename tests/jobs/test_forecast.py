"""`plan` says what a study will take, and the run then takes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import UserError
from jobs.forecast import Forecast, forecast
from jobs.memory import PROCESS_BYTES, RESULT_COPIES
from jobs.study import Study, load
from tests.jobs.command import changed, vitrine, written

LARGE = [{"Resize": {"size": 32}}]
WIDE = {"nets__a": {"arch": "lenet", "options": {"fc1": 1024}}, "nets__b": {"arch": "lenet", "options": {"fc1": 1024}}}


def planned(**changes: Any) -> Forecast:
    return forecast(Study.model_validate(changed(**changes)), ())


def test_the_figures_come_true(tmp_path: Path) -> None:
    path = written(tmp_path, changed(images__limit=70))
    facts = forecast(load(str(path)), ()).facts
    assert vitrine("run", path) == 0
    run = tmp_path / "runs" / facts["run"]
    shards = [file for file in (run / "activations").rglob("c/**/*") if file.is_file() and "valid" not in file.parts]
    assert len(shards) == facts["shards"]
    ledgers = list((run / "ledger").iterdir())
    assert {len(list(ledger.glob("unit-*.json"))) for ledger in ledgers} == {facts["units"]} == {3}
    plan = json.loads((run / "plan.json").read_text())
    assert [plan[key] for key in ("rows", "unit", "batch", "groups")] == [
        facts[key] for key in ("images", "unit", "batch", "groups")
    ]


def test_bytes_to_store_are_those_of_the_arrays() -> None:
    """64 images, two networks of 4 maps of 8 x 8 at conv1; float16 or float32."""
    for dtype, size in (("float16", 2), ("float32", 4)):
        facts = planned(extract={"store": ["conv1"], "dtype": dtype}).facts
        assert facts["stored_bytes"] == 64 * 2 * 4 * 8 * 8 * size
    nothing = planned(extract={})
    assert (nothing.facts["shards"], nothing.facts["stored_bytes"]) == (0, 0)
    assert dict(nothing.lines)["stored"].startswith("nothing; name layers in extract.store")


def test_the_smallest_memory_that_fits(tmp_path: Path) -> None:
    one: dict[str, Any] = {"steps": ["evaluate"]}  # steps that do not fit together would take more passes
    least = planned(**one).facts["memory_bytes"]
    assert planned(**one, resources__memory=least).facts["memory_bytes"] == least
    with pytest.raises(UserError, match=r"^resources\.memory: a worker would hold 1\.1 GB \(process"):
        planned(**one, resources__memory=least - 1)


def test_lowered_groups_are_said() -> None:
    """A group's products of the wide layer take 8 MB, three blocks are kept whole, all are held four times over."""
    whole, lowered = planned(layers=["fc1"]), planned(layers=["fc1"], resources__memory="1400MB", **WIDE)
    assert whole.facts["groups"] == 16
    assert dict(whole.lines)["groups"] == "16"
    assert lowered.facts["groups"] == 4
    assert dict(lowered.lines)["groups"] == "4 (lowered from 16 so that a block's sums fit resources.memory)"


def test_pairs_that_do_not_fit_together_take_more_passes() -> None:
    wide: dict[str, Any] = {f"nets__{net}": {"arch": "convnet", "options": {"width": 64}} for net in "ab"}
    studied = {"layers": ["conv1", "conv2", "conv3", "fc1"], "extract": {}, "steps__0__correlate__pairs": "all"}
    one = planned(**studied, **wide).facts
    memory = PROCESS_BYTES + RESULT_COPIES * one["result_bytes"] * 3 // 4
    several = planned(**studied, **wide, resources__memory=memory).facts
    assert one["passes"] == 1
    assert several["passes"] > 1
    assert several["memory_bytes"] <= memory < one["memory_bytes"]


def test_the_time_is_for_all_images() -> None:
    few, many = (planned(extract={}, images__limit=limit, images__preprocess=LARGE).facts for limit in (64, 1797))
    assert 0 < many["seconds"] < 600
    assert few["seconds"] < many["seconds"]
