"""One contract for every source, the study's union of them, and the paths that it may name wrongly."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from jobs.errors import UserError
from jobs.images.source import Source
from jobs.images.sources import ImagesSpec, open_source
from tests.jobs.images.conftest import Encode, picture
from tests.jobs.images.test_tar import write

SPECS: TypeAdapter[ImagesSpec] = TypeAdapter(ImagesSpec)
NAMES = ("digits", "cifar10", "mnist", "imagefolder", "npz", "tar", "planar")


@pytest.fixture(params=NAMES)
def spec(request: pytest.FixtureRequest, tmp_path: Path, encode: Encode) -> dict[str, object]:
    """A small set for each source, as YAML would give its options."""
    rng, file = np.random.default_rng(0), tmp_path / "x.npz"
    labels, name = np.array([0, 1, 1], np.uint8), str(request.param)
    color, grey = rng.integers(0, 256, (3, 32, 32, 3), np.uint8), rng.integers(0, 256, (3, 28, 28), np.uint8)
    if name == "cifar10":
        np.savez(file, train_images=color, train_labels=labels, test_images=color[::-1], test_labels=labels)
    elif name == "mnist":
        np.savez(file, x_train=grey, y_train=labels, x_test=grey[::-1], y_test=labels)
    elif name == "npz":
        np.savez(file, images=color, labels=labels)
    elif name == "imagefolder":
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "1.png").write_bytes(encode(picture()))
        return {"source": name, "root": str(tmp_path)}
    elif name == "tar":
        write(tmp_path / "s.tar", {"1.png": encode(picture()), "1.cls": b"1", "2.png": encode(picture("L"))})
        return {"source": name, "shards": str(tmp_path / "s.tar")}
    return {"source": name} if name in ("digits", "planar") else {"source": name, "file": str(file)}


def source_of(options: dict[str, object]) -> Source:
    return open_source(SPECS.validate_python(options))


def test_entries_are_unique_labeled_within_the_classes_and_stable(spec: dict[str, object], tmp_path: Path) -> None:
    source = source_of(spec)
    entries = source.index()
    assert len({entry.id for entry in entries}) == len(entries) > 1
    assert all(-1 <= entry.label < len(source.classes) for entry in entries)
    assert all(entry.digest for entry in entries)
    assert not any(str(tmp_path) in repr(entry) for entry in entries)
    assert source_of(spec).index() == entries


@pytest.mark.parametrize("mode", [None, "RGB", "L"])
def test_pictures_come_in_the_mode_asked_for(spec: dict[str, object], mode: str | None) -> None:
    if mode and spec["source"] == "planar":
        pytest.skip("points have no colors; test_planar has the refusal")
    source = source_of({**spec, "mode": mode})
    assert source.mode == (mode or source.mode)
    assert {source.load(entry).mode for entry in source.index()[:8]} == {source.mode}


def test_a_used_source_pickles_small_and_loads_alike_elsewhere(spec: dict[str, object]) -> None:
    source = source_of(spec)
    entries = source.index()
    expected = [source.load(entry).tobytes() for entry in entries[:4]]
    data = pickle.dumps(source)
    assert len(data) < 2000
    assert [pickle.loads(data).load(entry).tobytes() for entry in entries[:4]] == expected


def test_unknown_options_are_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"batchsize[\s\S]*Extra inputs are not permitted"):
        SPECS.validate_python({**spec, "batchsize": 3})


def test_common_options_have_the_designs_defaults(spec: dict[str, object]) -> None:
    options = SPECS.validate_python(spec)
    assert (options.unit, options.batch, options.seed, options.max_bad) == (512, 32, 0, 0.01)
    assert (options.limit, options.preprocess, options.mode) == (None, None, None)
    with pytest.raises(ValidationError, match="frozen"):
        options.unit = 3  # type: ignore[misc]


def test_the_schema_explains_every_option() -> None:
    schema = SPECS.json_schema()
    assert set(schema["discriminator"]["mapping"]) == {*NAMES, "sets"}
    for model in schema["$defs"].values():
        assert all(field.get("description") for field in model["properties"].values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"source": "imagefolder", "root": "{x}"},
            "images.root: '{x}' does not exist; expected a folder that holds one",
        ),
        ({"source": "imagefolder", "root": "{file}"}, "images.root: '{file}' is not a folder; expected a folder that"),
        (
            {"source": "npz", "file": "{x}"},
            "images.file: '{x}' does not exist; expected an npz with an array of images.",
        ),
        ({"source": "npz", "file": "{folder}"}, "images.file: '{folder}' is not a file; expected an npz with an array"),
        ({"source": "cifar10", "file": "{x}"}, "images.file: '{x}' does not exist; expected an npz with train_images,"),
        (
            {"source": "mnist", "file": "{x}"},
            "images.file: '{x}' does not exist; expected an npz with x_train, y_train,",
        ),
        ({"source": "tar", "shards": "{x}"}, "images.shards: no file is named '{x}'; expected tar shards."),
    ],
)
def test_missing_paths_name_their_option(options: dict[str, str], message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    places = {"x": tmp_path / "missing", "file": tmp_path / "file", "folder": tmp_path}
    with pytest.raises(UserError) as caught:
        source_of({key: value.format(**places) for key, value in options.items()})
    assert str(caught.value).startswith(message.format(**places))
    assert "or set VITRINE_DATA" in str(caught.value)


def test_an_unreadable_path_and_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    options = SPECS.validate_python({"source": "imagefolder", "root": tmp_path})
    with pytest.raises(UserError, match=r"^nets\.a\.train\.images\.root: '.*' may not be read \(permission denied\);"):
        open_source(options, "nets.a.train.images")
