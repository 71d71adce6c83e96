"""Decoding agrees with torchvision's loader where that is right, and says why where a file holds no picture."""

import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile
from torchvision.datasets.folder import IMG_EXTENSIONS, pil_loader  # type: ignore[import-untyped]

from jobs.images.decode import EXTENSIONS, decoded
from jobs.images.source import BadImage
from tests.jobs.images.conftest import Encode, picture


def test_extensions_are_torchvisions() -> None:
    assert EXTENSIONS == IMG_EXTENSIONS


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *[(mode, "JPEG") for mode in ("RGB", "CMYK", "L")],
        *[(mode, "PNG") for mode in ("RGBA", "LA", "P", "1")],
        *[("RGB", kind) for kind in ("WEBP", "BMP", "PPM", "TIFF")],
    ],
)
def test_pixels_are_those_of_torchvisions_loader(mode: str, kind: str, encode: Encode, tmp_path: Path) -> None:
    data = encode(picture(mode), kind)
    (tmp_path / "image").write_bytes(data)
    assert decoded(data, "RGB").mode == "RGB"
    np.testing.assert_array_equal(decoded(data, "RGB"), pil_loader(str(tmp_path / "image")))


def test_grey_mode_is_pils_luminance(encode: Encode) -> None:
    np.testing.assert_array_equal(decoded(encode(picture()), "L"), picture().convert("L"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str, mode: str, encode: Encode) -> None:
    ramp = np.arange(256, dtype=np.uint16).reshape(8, 32)
    image = decoded(encode(Image.fromarray(ramp * 257), kind), "RGB" if mode == "RGB" else "L")
    expected = ramp if mode == "L" else np.repeat(ramp[..., None], 3, axis=-1)
    np.testing.assert_array_equal(image, expected)


def test_mode_i_is_scaled_within_sixteen_bits_and_refused_beyond(encode: Encode) -> None:
    within = Image.fromarray(np.array([[0, 257, 65535]], dtype=np.int32))
    np.testing.assert_array_equal(decoded(encode(within, "TIFF"), "L"), [[0, 1, 255]])
    beyond = Image.fromarray(np.array([[0, 70_000]], dtype=np.int32))
    with pytest.raises(BadImage, match=r"32-bit pixels in 0\.\.70000; expected 8 or 16 bits"):
        decoded(encode(beyond, "TIFF"), "L")


def test_floating_point_pixels_are_refused(encode: Encode) -> None:
    image = Image.fromarray(np.zeros((2, 2), np.float32))
    with pytest.raises(BadImage, match="floating-point pixels have no fixed range"):
        decoded(encode(image, "TIFF"), "L")


def test_orientation_is_not_applied(encode: Encode) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    assert decoded(encode(picture(), "JPEG", exif=tags), "RGB").size == picture().size


def test_a_palette_with_byte_transparency_does_not_warn(encode: Encode) -> None:
    data = encode(picture("P"), "PNG", transparency=bytes(range(256)))
    np.testing.assert_array_equal(decoded(data, "RGB"), picture("P").convert("RGB"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"some text", "not an image in JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
    ],
)
def test_what_is_no_picture_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        decoded(data, "RGB")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_truncated_files_are_bad(kind: str, encode: Encode) -> None:
    data = encode(picture(width=96, height=96), kind)
    with pytest.raises(BadImage, match=r".+"):
        decoded(data[: len(data) // 2], "RGB")


def test_huge_pictures_are_silent_below_twice_pils_limit_and_bad_above(
    encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(picture(width=20, height=10))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    assert decoded(data, "RGB").size == (20, 10)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(BadImage, match="exceeds limit"):
        decoded(data, "RGB")


def test_a_process_that_lets_truncated_images_pass_is_refused(encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(RuntimeError, match="LOAD_TRUNCATED_IMAGES"):
        decoded(encode(picture()), "RGB")


def test_a_lack_of_memory_is_not_the_images_fault(encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", exhausted)
    with pytest.raises(MemoryError):
        decoded(encode(picture()), "RGB")


def test_threads_decode_alike_and_leave_the_warning_filters_alone(encode: Encode) -> None:
    data, before = encode(picture("P"), "PNG", transparency=b"\x00\x80"), list(warnings.filters)
    results: list[bytes] = []

    def work() -> None:
        results.extend(decoded(data, "RGB").tobytes() for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
    assert (len(results), len(set(results))) == (200, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@given(st.data())
def test_damage_gives_a_picture_or_a_reason(kind: str, data: st.DataObject) -> None:
    stream = io.BytesIO()
    picture().save(stream, kind)
    damaged = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        outcome = decoded(bytes(damaged), "RGB").mode
    except BadImage as error:
        outcome = str(error)
    assert outcome
    assert "\n" not in outcome
