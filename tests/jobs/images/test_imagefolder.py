"""Trees of class folders: torchvision's order, ImageNet's numbers, and files that hold no picture."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder as Reference  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.imagefolder import ImageFolder, ImageFolderOptions
from jobs.images.source import BadImage
from tests.jobs.images.conftest import Encode, picture

GOOD = ["cat/1.jpg", "cat/sub/2.PNG", "dog/grey.png", "dog/sixteen.png"]
BAD = {"dog/truncated.jpg": "truncated", "dog/text.jpg": "not an image in JPEG", "dog/empty.jpeg": "the file is empty"}


def opened(root: Path, **options: object) -> ImageFolder:
    return ImageFolder(ImageFolderOptions.model_validate({"root": root, **options}))


def test_classes_labels_and_files_are_torchvisions(odd_tree: Path) -> None:
    source, reference = opened(odd_tree), Reference(odd_tree, allow_empty=True)
    assert list(source.classes) == reference.classes == ["bird", "cat", "dog"]
    found = {(str(odd_tree / entry.id), entry.label) for entry in source.index()}
    assert found == set(reference.samples)


def test_good_files_load_and_bad_ones_give_their_reason(odd_tree: Path) -> None:
    source = opened(odd_tree)
    entries = {entry.id: entry for entry in source.index()}
    assert sorted(entries) == sorted([*GOOD, *BAD])
    assert {source.load(entries[name]).mode for name in GOOD} == {"RGB"}
    for name, reason in BAD.items():
        with pytest.raises(BadImage, match=reason):
            source.load(entries[name])


def test_a_dangling_link_and_a_file_that_went_away_keep_their_rows(odd_tree: Path) -> None:
    (odd_tree / "cat/link.jpg").symlink_to(odd_tree / "nowhere.jpg")
    source = opened(odd_tree)
    entries = {entry.id: entry for entry in source.index()}
    (odd_tree / "cat/1.jpg").unlink()
    for name in ("cat/link.jpg", "cat/1.jpg"):
        with pytest.raises(BadImage, match="cannot be read: No such file"):
            source.load(entries[name])


def test_content_ignores_times_and_stat_sees_them(odd_tree: Path) -> None:
    def digests(fingerprint: str) -> list[str]:
        return [entry.digest for entry in opened(odd_tree, fingerprint=fingerprint).index()]

    content, stat = digests("content"), digests("stat")
    os.utime(odd_tree / "cat/1.jpg", ns=(1, 1))
    assert digests("content") == content
    assert sum(a != b for a, b in zip(digests("stat"), stat, strict=True)) == 1
    (odd_tree / "cat/1.jpg").write_bytes(b"other")
    assert sum(a != b for a, b in zip(digests("content"), content, strict=True)) == 1


def test_ids_and_digests_do_not_depend_on_where_the_tree_lies(odd_tree: Path, tmp_path: Path) -> None:
    shutil.copytree(odd_tree, tmp_path / "copy")
    assert opened(tmp_path / "copy").index() == opened(odd_tree).index()


def test_numbered_folders_keep_their_numbers(tmp_path: Path, encode: Encode) -> None:
    for folder in ("0004_n01494475", "0000_n01440764", "2_short"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(encode(picture()))
    source = opened(tmp_path, labels="number")
    assert source.classes == ("0000_n01440764", "1", "2_short", "3", "0004_n01494475")
    assert {entry.id.split("/")[0]: entry.label for entry in source.index()} == {
        "0000_n01440764": 0,
        "0004_n01494475": 4,
        "2_short": 2,
    }


def test_a_source_pickles_to_a_few_hundred_bytes(odd_tree: Path) -> None:
    source = opened(odd_tree, mode="L")
    entries = source.index()
    copy = pickle.loads(pickle.dumps(source))
    assert len(pickle.dumps(source)) < 1000
    assert copy.load(entries[0]).tobytes() == source.load(entries[0]).tobytes()


@pytest.mark.parametrize(
    ("folders", "options", "message"),
    [
        ([], {}, "images.root: '{root}' holds no class folders; expected one folder a class, as set/cat/1.jpg."),
        (["cat"], {}, "images.root: '{root}' holds 0 images in 1 class folders; expected files that end in .jpg,"),
        (["cat"], {"labels": "number"}, "images.labels: class folder 'cat' of '{root}' does not begin with a number"),
        (["1_a", "01_b"], {"labels": "number"}, "images.labels: class folders '01_b' and '1_a' both begin with 1;"),
    ],
)
def test_unusable_trees(folders: list[str], options: dict[str, str], message: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for folder in folders:
        (root / folder).mkdir()
    with pytest.raises(UserError) as caught:
        opened(root, **options).index()
    assert str(caught.value).startswith(message.format(root=root))
    assert "\n" not in str(caught.value)


@pytest.mark.shared
def test_the_photographs_keep_imagenets_labels(shared_data: Path) -> None:
    source = opened(shared_data / "imagenet/val", labels="number")
    entries = source.index()
    assert len(entries) == 500
    assert all(entry.label == int(entry.id[:4]) for entry in entries)
    assert source.load(entries[0]).mode == "RGB"
