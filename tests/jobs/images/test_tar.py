"""Tar shards: offsets find the pictures, labels come from text beside them, and nothing else is touched."""

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import UserError
from jobs.images.source import BadImage
from jobs.images.tar import Tar, TarOptions
from tests.jobs.images.conftest import Encode, picture


def write(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def opened(shards: Path | str, **options: object) -> Tar:
    return Tar(TarOptions.model_validate({"shards": str(shards), **options}))


@pytest.fixture
def png(encode: Encode) -> bytes:
    return encode(picture())


def test_pictures_come_back_from_their_offsets(tmp_path: Path, encode: Encode) -> None:
    pictures = [picture(seed=seed) for seed in range(6)]
    for shard in range(2):
        files = {f"./n/{i}.png": encode(pictures[i]) for i in range(3 * shard, 3 * shard + 3)}
        write(tmp_path / f"s-00{shard}.tar", files)
    source = opened(tmp_path / "s-{000..001}.tar")
    entries = source.index()
    assert [entry.id for entry in entries] == [f"s-00{i // 3}.tar/n/{i}.png" for i in range(6)]
    for entry, expected in zip(entries, pictures, strict=True):
        np.testing.assert_array_equal(source.load(entry), expected)
    assert str(tmp_path) not in "".join(str(entry) for entry in entries)
    assert [pickle.loads(pickle.dumps(source)).load(entry).size for entry in entries] == [(24, 16)] * 6


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_pickles_links_and_other_members_are_passed_over(tmp_path: Path, png: bytes) -> None:
    mark = tmp_path / "ran"
    command = pickle.dumps(Command(f"touch {mark}"))
    files = {"1.pyd": command, "1.pickle": command, "1.cls": b"3", "1.png": png, "1.seg.png": png, "2.npy": b"?"}
    shard = write(tmp_path / "s.tar", files)
    with tarfile.open(shard, "a") as tar:
        for name, kind in (("2.png", tarfile.SYMTYPE), ("3.png", tarfile.LNKTYPE), ("4.png", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        tar.addfile(tarfile.TarInfo("../../5.txt"))
    entries = opened(shard).index()
    assert [(entry.id, entry.label) for entry in entries] == [("s.tar/1.png", 3)]
    assert not mark.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.tar"]


@pytest.mark.parametrize(
    ("beside", "labels", "classes"),
    [
        ({"a.cls": b"2\n", "b.cls": b"0"}, [2, 0], ("0", "1", "2")),
        ({"a.json": b'{"label": 1}', "b.json": b'{"label": 0, "more": []}'}, [1, 0], ("0", "1")),
        ({"a.txt": b"zebra", "b.json": b'{"label": "ant"}'}, [1, 0], ("ant", "zebra")),
        ({"a.cls": b"1", "a.json": b'{"label": 7}', "a.txt": b"caption", "b.cls": b"0"}, [1, 0], ("0", "1")),
        ({"a.json": b'{"width": 3}', "a.txt": b"5"}, [5, -1], ("0", "1", "2", "3", "4", "5")),
        ({}, [-1, -1], ()),
    ],
)
def test_labels(
    beside: dict[str, bytes], labels: list[int], classes: tuple[str, ...], tmp_path: Path, png: bytes
) -> None:
    source = opened(write(tmp_path / "s.tar", {"a.png": png, "b.png": png, **beside}))
    assert [entry.label for entry in source.index()] == labels
    assert source.classes == classes


def test_captions_can_be_left_alone(tmp_path: Path, png: bytes) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": png, "a.txt": b"a caption", "a.cls": b"1"})
    assert [entry.label for entry in opened(shard, labels="none").index()] == [-1]
    assert opened(shard, labels="txt").classes == ("a caption",)


def test_of_two_members_with_one_name_the_last_counts(tmp_path: Path, encode: Encode) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": encode(picture(seed=1))})
    write(shard, {"a.png": encode(picture(seed=2))}, "a")
    source = opened(shard)
    (entry,) = source.index()
    np.testing.assert_array_equal(source.load(entry), picture(seed=2))


def test_fingerprints(tmp_path: Path, png: bytes) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": png})
    content, stat = (opened(shard, fingerprint=kind).index()[0].digest for kind in ("content", "stat"))
    os.utime(shard, ns=(1, 1))
    assert opened(shard).index()[0].digest == content
    assert opened(shard, fingerprint="stat").index()[0].digest != stat


def test_a_damaged_picture_is_bad_and_so_is_one_beyond_a_shortened_shard(tmp_path: Path, png: bytes) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": png[:40], "b.png": png})
    source = opened(shard)
    a, b = source.index()
    with pytest.raises(BadImage):
        source.load(a)
    with shard.open("r+b") as file:
        file.truncate(int(str(b.place).split(":")[1]) + 10)
    with pytest.raises(BadImage, match=f"the shard ends {len(png) - 10} bytes before the image does"):
        source.load(b)


def test_patterns_of_shards(tmp_path: Path, png: bytes) -> None:
    for name in ("a/x-08.tar", "a/x-09.tar", "a/x-10.tar", "b/y.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, {"1.png": png})

    def shards(pattern: str) -> list[str]:
        return [entry.id.removesuffix("/1.png") for entry in opened(f"{tmp_path}/{pattern}").index()]

    assert shards("a/x-{08..10}.tar") == ["x-08.tar", "x-09.tar", "x-10.tar"]
    assert shards("a/x-*.tar") == ["x-08.tar", "x-09.tar", "x-10.tar"]
    assert shards("{b/y,a/x-0?}.tar") == ["b/y.tar", "a/x-08.tar", "a/x-09.tar"]
    assert shards("a/x-{10,08}.tar") == ["x-10.tar", "x-08.tar"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("s-{000..003}.tar", "images.shards: no file is named '{folder}/s-000.tar'; expected tar shards."),
        ("*.tar", "images.shards: no file is named '{folder}/*.tar'; expected tar shards."),
        ("s-{3..1}.tar", "images.shards: cannot expand {{3..1}}; expected at most 100000 ascending numbers"),
        ("{0..9999}{0..9999}.tar", "images.shards: '{folder}/{{0..9999}}{{0..9999}}.tar' names 100000000 shards;"),
        ("s-{one}.tar", "images.shards: cannot expand {{one}}; expected"),
    ],
)
def test_patterns_that_name_nothing(pattern: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        opened(f"{tmp_path}/{pattern}")
    assert str(caught.value).startswith(message.format(folder=tmp_path))


@pytest.mark.parametrize(
    ("beside", "options", "message"),
    [
        ({"a.json": b"{"}, {}, "images.labels: the .json of s.tar/a.png is no label ("),
        ({"a.json": b"[" * 100_000}, {}, "images.labels: the .json of s.tar/a.png is no label ("),
        ({"a.json": b'{"label": 1.5}'}, {}, "images.labels: the .json of s.tar/a.png is no label ('label' is 1.5);"),
        ({"a.txt": b"\xff"}, {}, "images.labels: the .txt of s.tar/a.png is no label ('utf-8' codec"),
        ({"a.cls": b"1"}, {"labels": "txt"}, "images.labels: s.tar/a.png has no .txt with a label beside it; expected"),
        ({"a.cls": b"100000"}, {}, "images.labels: a label is 100000; expected 0..99999."),
        ({"a.json": b'{"label": -7}'}, {}, "images.labels: a label is -7; expected 0..99999."),
        ({"a.json": b'{"label": ' + b"9" * 30 + b"}"}, {}, "images.labels: labels are object; expected integers in"),
        ({"a.cls": b" " * (1 << 20) + b"1"}, {}, "images.labels: a.cls has 1048577 bytes; expected a label of at most"),
        (
            {"a.cls": b"1", "b.png": None, "b.cls": b"dog"},
            {},
            "images.labels: s.tar/a.png has the number 1 and s.tar/b.png",
        ),
    ],
)
def test_unusable_labels(
    beside: dict[str, bytes | None], options: dict[str, str], message: str, tmp_path: Path, png: bytes
) -> None:
    files = {"a.png": png} | {name: png if data is None else data for name, data in beside.items()}
    with pytest.raises(UserError) as caught:
        opened(write(tmp_path / "s.tar", files), **options).index()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("mode", "kind"), [("w:gz", "gzip"), ("w:bz2", "bzip2"), ("w:xz", "xz")])
def test_compressed_shards_are_refused(mode: str, kind: str, tmp_path: Path, png: bytes) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": png}, mode)
    with pytest.raises(
        UserError, match=rf"images\.shards: '.*s\.tar' is compressed with {kind}; expected a plain tar file"
    ):
        opened(shard).index()


@pytest.mark.parametrize("cut", [0, 300, 700])
def test_shards_that_are_no_whole_tar(cut: int, tmp_path: Path, png: bytes) -> None:
    shard = write(tmp_path / "s.tar", {"a.png": png, "b.png": png})
    shard.write_bytes(shard.read_bytes()[:cut])
    with pytest.raises(
        UserError, match=r"images\.shards: '.*s\.tar' cannot be read as tar \(.+\); expected a whole, plain"
    ):
        opened(shard).index()


def test_a_shard_without_images(tmp_path: Path) -> None:
    shard = write(tmp_path / "s.tar", {"a.pyd": b"x"})
    with pytest.raises(
        UserError, match=r"images\.shards: '.*' holds 0 images in 1 shards; expected members that end in"
    ):
        opened(shard).index()
