"""What a study file may say, and what is made of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.study import Study, find, load, shipped
from tests.jobs.command import changed, written


def study(**changes: Any) -> Study:
    return Study.model_validate(changed(**changes))


def test_the_default_study_ships_and_trains_two_networks() -> None:
    found = load("digits")
    assert find("digits") == shipped()["digits"]
    assert found.images.source == "digits"
    seeds = [net.train.seed for net in found.nets.values() if net.train]
    assert len(seeds) == len(set(seeds)) == 2
    assert [step.name for step in found.steps] == ["correlate", "compare", "regress"]


def test_every_study_that_ships_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATA", "/data")
    monkeypatch.setenv("VITRINE_COMPRESSED", "/runs/compressed")
    loaded = {name: load(name) for name in shipped()}
    assert {name: found.name for name, found in loaded.items()} == {name: name for name in loaded}
    assert str(loaded["squeezenets"].nets["onnx"].weights).startswith("/data/nets/")


def test_a_file_of_the_name_goes_before_the_study_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits").write_text(yaml.safe_dump(changed(name="mine")))
    assert load("digits").name == "mine"


def test_variables_are_taken_from_the_environment_at_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIDTH_NAME", "conv1")
    monkeypatch.setenv("PLACE", "/some/where")
    text = yaml.safe_dump(changed(layers=["${WIDTH_NAME}"], runs="${PLACE}/runs"))
    found = load(str(written(tmp_path, text)))
    assert found.layers == ("conv1",)
    assert found.runs == "/some/where/runs"


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("images.batch=7", lambda study: study.images.batch == 7),
        ("layers=[conv2]", lambda study: study.layers == ("conv2",)),
        ("layers.1=conv2", lambda study: study.layers == ("conv1", "conv2")),
        ("nets.b.arch=mlp2d", lambda study: study.nets["b"].arch == "mlp2d"),
        ("nets.c={arch: lenet5}", lambda study: list(study.nets) == ["a", "b", "c"]),
        ("nets.b.options.width=8", lambda study: study.nets["b"].options == {"width": 8}),
        ("steps.0.correlate.draws=200", lambda study: study.steps[0].options.draws == 200),
        ("resources.memory=2GB", lambda study: study.resources.memory_bytes == 2_000_000_000),
        ("images.preprocess=[Resize: {size: 9}]", lambda study: study.images.preprocess == [{"Resize": {"size": 9}}]),
        ("extract.positions={sample: 5}", lambda study: study.extract.policy == 5),
        ("name=a=b", None),
    ],
)
def test_set_replaces_one_key(tmp_path: Path, override: str, read: Any) -> None:
    path = str(written(tmp_path))
    if read is None:
        with pytest.raises(Exception, match="name: 'a=b'"):
            load(path, [override])
    else:
        assert not read(load(path))
        assert read(load(path, [override]))


def test_overrides_apply_in_order(tmp_path: Path) -> None:
    assert load(str(written(tmp_path)), ["images.batch=7", "images.batch=9"]).images.batch == 9


@pytest.mark.parametrize("step", ["correlate", {"correlate": None}, {"correlate": {}}])
def test_a_step_without_options_may_be_its_name_alone(step: Any) -> None:
    found = study(steps=[step]).steps[0]
    assert found.name == "correlate"
    assert found.options.draws == 1000
    assert found.options.nets is None


def test_layers_may_differ_by_network() -> None:
    same, own = study(), study(layers={"a": ["conv1"], "b": ["conv2", "fc1"]})
    assert same.layers_of("a") == same.layers_of("b") == ("conv1", "fc1")
    assert own.layers_of("a") == ("conv1",)
    assert own.layers_of("b") == ("conv2", "fc1")


@pytest.mark.parametrize(("written", "policy"), [("mean", "mean"), ({"sample": 4}, 4)])
def test_positions_become_the_policy(written: Any, policy: Any) -> None:
    assert study(extract={"positions": written}).extract.policy == policy
    assert study().extract.policy == "all"


def test_a_study_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        study().seed = 3  # type: ignore[misc]
