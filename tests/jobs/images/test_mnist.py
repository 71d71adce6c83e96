"""MNIST from an npz and from idx files is what torchvision reads."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.mnist import Mnist, MnistOptions
from jobs.images.options import Split


def opened(file: Path, split: Split = "all") -> Mnist:
    return Mnist(MnistOptions(file=file, split=split))


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, 5, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, 3, dtype=np.uint8),
    }


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, stem in (("train", "train"), ("test", "t10k")):
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(idx(arrays[f"x_{part}"]))
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(idx(arrays[f"y_{part}"]))
    return tmp_path


@pytest.mark.parametrize("split", ["train", "test"])
def test_idx_files_are_read_as_torchvision_reads_them(folder: Path, split: Split) -> None:
    source, reference = opened(folder, split), MNIST(folder, train=split == "train")
    entries = source.index()
    assert [entry.label for entry in entries] == reference.targets.tolist()
    np.testing.assert_array_equal([np.asarray(source.load(entry)) for entry in entries], reference.data.numpy())


def test_every_form_of_the_files_is_the_same_set(folder: Path, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "mnist.npz", **arrays)  # type: ignore[arg-type]
    zipped = tmp_path / "zipped"
    zipped.mkdir()
    for file in (folder / "MNIST/raw").iterdir():
        (zipped / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    expected = opened(folder).index()
    assert expected[6].id == "mnist/test/00001"
    for place in (tmp_path / "mnist.npz", zipped, folder / "MNIST", folder / "MNIST/raw"):
        assert opened(place).index() == expected


@pytest.mark.parametrize("data", [b"", b"\0\0\x08\x03", b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", b"\0\0\x08\x01\0\0\0\5abc"])
def test_damaged_idx_files(data: bytes, folder: Path) -> None:
    (folder / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(data)
    with pytest.raises(UserError, match=r"images\.file: '.*t10k-labels-idx1-ubyte' is not an idx file of bytes \(.+\)"):
        opened(folder, "test").index()


def test_a_missing_idx_file_is_named(folder: Path) -> None:
    (folder / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte' does not exist; expected the idx file"):
        opened(folder, "test").index()


def test_pixels_that_are_no_bytes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", x_test=np.zeros((2, 28, 28, 1)), y_test=np.zeros(2, np.uint8))
    with pytest.raises(
        UserError, match=r"test images of '.*' are float64 \(2, 28, 28, 1\); expected uint8 \(N, 28, 28\)"
    ):
        opened(tmp_path / "m.npz", "test").index()


@pytest.mark.shared
def test_the_real_set(shared_data: Path) -> None:
    source = opened(shared_data / "mnist.npz", "test")
    entries = source.index()
    assert len(entries) == 10_000
    assert [entry.label for entry in entries[:5]] == [7, 2, 1, 0, 4]
    assert (source.load(entries[0]).mode, source.load(entries[0]).size) == ("L", (28, 28))
