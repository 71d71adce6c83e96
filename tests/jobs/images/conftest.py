"""Small pictures and trees that the tests of image sources share."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


def picture(mode: str = "RGB", width: int = 24, height: int = 16, seed: int = 0) -> Image.Image:
    """Smooth colors, so that JPEG keeps them well."""
    y, x = np.mgrid[:height, :width]
    planes = [(8 * x + seed * 31) % 256, (12 * y) % 256, (4 * x + 6 * y) % 256]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8)).convert(mode)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Bytes of a picture in a format; options go to PIL's save."""

    def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encoded


@pytest.fixture
def odd_tree(tmp_path: Path, encode: Encode) -> Path:
    """What people's folders hold: two good pictures, grey, 16 bits, truncated, text, an empty file, an empty class."""
    root = tmp_path / "tree"
    files = {
        "cat/1.jpg": encode(picture(), "JPEG"),
        "cat/sub/2.PNG": encode(picture(seed=1)),
        "cat/notes.txt": b"not an image, and not named as one",
        "dog/grey.png": encode(picture("L")),
        "dog/sixteen.png": encode(Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257)),
        "dog/truncated.jpg": encode(picture(width=64, height=64), "JPEG")[:-200],
        "dog/text.jpg": b"this is no JPEG",
        "dog/empty.jpeg": b"",
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "bird").mkdir()
    return root
