"""Arrays of one's own: every accepted shape, stored or compressed, and each refusal."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import UserError
from jobs.images.members import array
from jobs.images.npz import Npz, NpzOptions

RNG = np.random.default_rng(0)


def opened(file: Path, **options: object) -> Npz:
    return Npz(NpzOptions.model_validate({"file": file, **options}))


@pytest.mark.parametrize(("shape", "mode"), [((), "L"), ((1,), "L"), ((3,), "RGB"), ((4,), "RGB")])
def test_the_mode_follows_the_channels(shape: tuple[int, ...], mode: str, tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (3, 5, 7, *shape), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    source = opened(tmp_path / "x.npz")
    loaded = np.asarray(source.load(source.index()[1]))
    assert source.mode == mode
    np.testing.assert_array_equal(loaded, images[1, :, :, :3].reshape(loaded.shape) if shape else images[1])


def test_labels_are_optional_and_classes_may_be_named(tmp_path: Path) -> None:
    file, images = tmp_path / "x.npz", np.zeros((2, 4, 4), np.uint8)
    np.savez(file, images=images)
    assert ([entry.label for entry in opened(file).index()], opened(file).classes) == ([-1, -1], ())
    np.savez(file, images=images, labels=np.array([2, 0]))
    assert ([entry.label for entry in opened(file).index()], opened(file).classes) == ([2, 0], ("0", "1", "2"))
    np.savez(file, pixels=images, kind=np.array([1, 0]), classes=np.array(["cat", "dog", "unused"]))
    assert opened(file, images="pixels", labels="kind").classes == ("cat", "dog", "unused")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_members_are_what_numpy_loads(save: object, order: str, tmp_path: Path) -> None:
    values = np.asarray(RNG.normal(size=(5, 4, 3)), order=order)  # type: ignore[call-overload]
    assert callable(save)
    save(tmp_path / "x.npz", first=np.arange(3), values=values, none=np.zeros((0, 2)))
    with np.load(tmp_path / "x.npz") as reference:
        for name in reference.files:
            np.testing.assert_array_equal(array("images.file", tmp_path / "x.npz", name), reference[name])


def test_a_stored_member_is_mapped_and_read_only(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", values=np.arange(6))
    values = array("images.file", tmp_path / "x.npz", "values")
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


IMAGES = np.zeros((2, 4, 4), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"image": IMAGES}, {}, "images.file: '{file}' has no array 'images'; did you mean 'image'?"),
        ({"images": IMAGES / 2}, {}, "images.file: array 'images' of '{file}' is float64 (2, 4, 4); expected uint8"),
        (
            {"images": np.zeros((2, 3, 8, 8), np.uint8)},
            {},
            "images.file: array 'images' of '{file}' is uint8 (2, 3, 8, 8);",
        ),
        ({"images": IMAGES, "labels": np.zeros(3, int)}, {}, "images.file: labels have shape (3,); expected (2,), one"),
        (
            {"images": IMAGES, "labels": np.zeros(2)},
            {},
            "images.file: labels are float64; expected integers in 0..99999.",
        ),
        ({"images": IMAGES, "labels": np.array([0, -1])}, {}, "images.file: a label is -1; expected 0..99999."),
        ({"images": IMAGES}, {"labels": "kind"}, "images.file: '{file}' has no array 'kind'; choose from images"),
        ({"images": np.array([None, {}])}, {}, "images.file: array 'images' of '{file}' cannot be read ("),
        (
            {"images": IMAGES, "labels": np.array([0, 3]), "classes": np.array(["a"])},
            {},
            "images.file: the array 'classes'",
        ),
    ],
)
def test_unusable_arrays(arrays: dict[str, np.ndarray], options: dict[str, str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    np.savez(file, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError) as caught:
        opened(file, **options).index()
    assert str(caught.value).startswith(message.format(file=file))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_archive_or_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    file.write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"'.*' is not an npz file \(File is not a zip file\); expected an archive"):
        opened(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00garbage")
    with pytest.raises(UserError, match=r"array 'images' of '.*' cannot be read \(.+\); expected plain numbers"):
        opened(file)
