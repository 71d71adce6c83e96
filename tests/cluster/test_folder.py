"""What only a folder can do wrong: half-written files, temporary names left behind, names that lead out of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.blobs import open_blobs
from cluster.errors import ClusterError
from cluster.folder import Folder


def _no_disk(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_bytes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = Folder(tmp_path)
    folder.write("a", b"old")
    monkeypatch.setattr(os, step, _no_disk)
    with pytest.raises(OSError, match="No space"):
        folder.write("a", b"new")
    assert folder.read("a") == b"old"
    assert [place.name for place in tmp_path.iterdir()] == ["a"]


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def watch(step: str, real: Callable[..., None]) -> None:
        def watched(*args: Any) -> None:
            calls.append(step)
            real(*args)

        monkeypatch.setattr(os, step, watched)

    for step in ("fsync", "link", "replace"):
        watch(step, getattr(os, step))
    folder = Folder(tmp_path)
    folder.create("a", b"1")
    folder.write("b", b"1")
    assert calls == ["fsync", "link", "fsync", "replace"]


def test_a_crashed_write_is_not_listed_and_is_swept(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("ledger/a.json", b"1")
    (tmp_path / "ledger" / "b.json.0123.partial").write_bytes(b"ha")
    (tmp_path / "other.partial").write_bytes(b"")
    assert folder.list() == ["ledger/a.json"]
    assert folder.sweep("ledger") == ["ledger/b.json.0123.partial"]
    assert folder.sweep() == ["other.partial"]
    assert folder.list() == ["ledger/a.json"]


def test_create_leaves_no_temporary_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.create("a", b"1")
    assert not folder.create("a", b"2")
    assert [place.name for place in tmp_path.iterdir()] == ["a"]


def test_a_disk_without_hard_links_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(ClusterError, match="cannot hold hard links; use a local disk"):
        Folder(tmp_path).create("a", b"1")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b"])
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name inside"):
        Folder(tmp_path).write(name, b"")


def test_a_relative_path_survives_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = open_blobs("runs/x")
    folder.write("a", b"1")
    monkeypatch.chdir("/")
    assert folder.read("a") == b"1"
    assert open_blobs(f"file://{tmp_path}/runs/x").read("a") == b"1"
