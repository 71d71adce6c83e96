"""Decoding for training: order kept, bad images left out and counted, sizes and labels checked."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from PIL import Image
from torch import Tensor

from jobs.errors import UserError
from jobs.images.source import BadImage, Entry, Mode
from jobs.nets.samples import Samples, decode


@dataclass(frozen=True)
class Grays:
    """Pictures whose gray value is their number; some cannot be decoded."""

    bad: tuple[int, ...] = ()
    classes: tuple[str, ...] = ("even", "odd")
    mode: Mode = "L"

    def index(self) -> list[Entry]:
        return [Entry(f"gray/{n}", n % 2, str(n), n) for n in range(20)]

    def load(self, entry: Entry) -> Image.Image:
        if entry.place in self.bad:
            raise BadImage("truncated")
        return Image.new("L", (4, 3), int(entry.place))


def tensor(image: Image.Image) -> Tensor:
    return torch.full((1, image.height, image.width), float(image.getpixel((0, 0))))  # type: ignore[arg-type]


def test_images_keep_their_order_and_labels() -> None:
    source = Grays()
    samples = decode(source, source.index()[::-1], tensor)
    assert samples.images.shape == (20, 1, 3, 4)
    assert samples.images[:, 0, 0, 0].tolist() == list(range(19, -1, -1))
    assert samples.labels.tolist() == [1, 0] * 10


def test_bad_images_are_left_out_up_to_the_limit() -> None:
    source = Grays(bad=(0, 7))
    samples = decode(source, source.index(), tensor, max_bad=0.1)
    assert samples.images[:, 0, 0, 0].tolist() == [n for n in range(20) if n not in (0, 7)]
    assert samples.labels.tolist() == [n % 2 for n in range(20) if n not in (0, 7)]
    with pytest.raises(UserError, match=re.escape("2 of 20 images cannot be decoded, first gray/0 (truncated)")):
        decode(source, source.index(), tensor, max_bad=0.09)


def growing(image: Image.Image) -> Tensor:
    return torch.zeros(1, 3, 4 + int(image.getpixel((0, 0)) == 5))


@pytest.mark.parametrize(
    ("entries", "preprocess", "memory_bytes", "message"),
    [
        ([], tensor, None, "0 of 0 have no label"),
        ([Entry("a", -1, "a", 1)], tensor, None, "1 of 1 have no label"),
        (Grays().index(), growing, None, "gives (1, 3, 4) and, for gray/5, (1, 3, 5)"),
        (Grays().index(), tensor, 959, "20 images of (1, 3, 4) need 0.0 GB"),
    ],
)
def test_refusals(
    entries: list[Entry], preprocess: Callable[[Image.Image], Tensor], memory_bytes: int | None, message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        decode(Grays(), entries, preprocess, memory_bytes=memory_bytes)


def test_exactly_the_memory_is_enough() -> None:
    assert len(decode(Grays(), Grays().index(), tensor, memory_bytes=960).images) == 20


def test_the_key_sees_pixels_labels_and_shapes() -> None:
    images, labels = torch.zeros(2, 1, 2, 3), torch.tensor([0, 1])
    others = [
        Samples(images, labels),
        Samples(images + 1, labels),
        Samples(images, labels.flip(0)),
        Samples(images.reshape(2, 1, 3, 2), labels),
    ]
    assert len({samples.key() for samples in others}) == 4
    assert Samples(images.clone(), labels.clone()).key() == others[0].key()
