"""CIFAR-10 from an npz and from the official batches is the same; a batch that would run code is refused."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.cifar10 import BATCHES, CLASSES, Cifar10, Cifar10Options
from jobs.images.options import Split


def opened(file: Path, split: Split = "all") -> Cifar10:
    return Cifar10(Cifar10Options(file=file, split=split))


def pixels(seed: int, images: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (images, 3072), dtype=np.uint8), rng.integers(0, 10, images, dtype=np.uint8)


@pytest.fixture
def batches(tmp_path: Path) -> Path:
    """Six files as the official ones: protocol 2, written by a NumPy whose arrays live in numpy.core."""
    folder = tmp_path / "official" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for seed, name in enumerate(BATCHES["train"] + BATCHES["test"]):
        data, labels = pixels(seed)
        content = {"data": data, "labels": labels.tolist(), "batch_label": name, "filenames": ["x.png"] * 4}
        text = pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        (folder / name).write_bytes(text)
    return folder.parent


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """The same images as one npz."""
    data = [pixels(seed) for seed in range(6)]
    images = [one.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for one, _ in data]
    arrays = {"train_images": np.concatenate(images[:5]), "train_labels": np.concatenate([one for _, one in data[:5]])}
    arrays |= {"test_images": images[5], "test_labels": data[5][1]}
    np.savez(tmp_path / "cifar10.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "cifar10.npz"


class Unchecked(CIFAR10):
    """torchvision's reader without its checksums, which only the real files pass."""

    def _check_integrity(self) -> bool:
        return True

    def _load_meta(self) -> None:
        self.classes = list(CLASSES)


@pytest.mark.parametrize("split", ["train", "test"])
def test_batches_are_read_as_torchvision_reads_them(batches: Path, split: Split) -> None:
    source, reference = opened(batches, split), Unchecked(batches, train=split == "train")
    entries = source.index()
    assert [entry.label for entry in entries] == reference.targets
    np.testing.assert_array_equal([np.asarray(source.load(entry)) for entry in entries], reference.data)


def test_npz_and_batches_are_the_same_images(batches: Path, npz: Path) -> None:
    assert opened(npz).index() == opened(batches).index() == opened(batches / "cifar-10-batches-py").index()
    assert opened(npz).index()[21].id == "cifar10/test/00001"
    assert opened(npz).classes == CLASSES


class Command:
    """What an attacker pickles: unpickling it runs a command."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    "call", [(os.system, "touch {mark}"), (eval, "open('{mark}', 'w')"), (getattr, "text", "upper")]
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_batch_that_would_run_code_is_refused(
    call: tuple[object, ...], protocol: int, batches: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    arguments = [part.format(mark=mark) if isinstance(part, str) else part for part in call]
    file = batches / "cifar-10-batches-py" / "test_batch"
    file.write_bytes(pickle.dumps({"data": Command(*arguments), "labels": [0]}, protocol=protocol))
    with pytest.raises(UserError, match=r"images\.file: '.*test_batch' is not a CIFAR-10 batch \(it names .*\)"):
        opened(batches, "test").index()
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a CIFAR-10 batch (Ran out of input); expected the official one. Download"),
        (pickle.dumps({"labels": [1]}), "is not a CIFAR-10 batch ('data')"),
        (
            pickle.dumps({"data": np.zeros((2, 5), np.uint8), "labels": [0, 1]}),
            "its data is uint8 (2, 5), expected uint8",
        ),
    ],
)
def test_damaged_batches(content: bytes, message: str, batches: Path) -> None:
    (batches / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(UserError) as caught:
        opened(batches, "test").index()
    assert message in str(caught.value)


def test_a_missing_batch_is_named(batches: Path) -> None:
    (batches / "cifar-10-batches-py" / "data_batch_3").unlink()
    assert len(opened(batches, "test").index()) == 4
    with pytest.raises(UserError, match=r"data_batch_3' does not exist; expected the official batch data_batch_3"):
        opened(batches).index()


def test_an_npz_of_another_shape_or_with_a_wrong_label_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wrong.npz"
    np.savez(file, test_images=np.zeros((2, 3, 32, 32), np.uint8), test_labels=np.zeros(2, np.uint8))
    with pytest.raises(
        UserError, match=r"test_images of '.*' is uint8 \(2, 3, 32, 32\); expected uint8 \(N, 32, 32, 3\)"
    ):
        opened(file, "test").index()
    np.savez(file, test_images=np.zeros((2, 32, 32, 3), np.uint8), test_labels=np.array([0, 10], np.uint8))
    with pytest.raises(UserError, match=r"images\.file: a label is 10; expected 0\.\.9"):
        opened(file, "test").index()


@pytest.mark.shared
def test_the_real_set(shared_data: Path) -> None:
    source = opened(shared_data / "cifar10.npz", "test")
    entries = source.index()
    assert (len(entries), source.classes) == (10_000, CLASSES)
    assert np.bincount([entry.label for entry in entries]).tolist() == [1000] * 10
    assert source.load(entries[3]).size == (32, 32)
