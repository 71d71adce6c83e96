"""One encoded picture to 8-bit RGB or L, as torchvision's loader does it, but never with a warning or a clipped scale.

Alpha is dropped and EXIF orientation is not applied (so does torchvision); 16-bit grey is scaled to 8 bits, where PIL's
own conversion clips it at 255. Only raster formats are tried: PIL would hand an EPS file named .jpg to Ghostscript.
"""

import io
import threading
import warnings
from types import TracebackType

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from jobs.images.paths import one_line
from jobs.images.source import BadImage, Mode

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")


class _Quiet:
    """Silences PIL's warnings (EXIF, palettes, size) while any thread decodes.

    `catch_warnings` alone is not safe in threads: two that overlap may restore each other's filters.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_quiet = _Quiet()


def decoded(data: bytes, mode: Mode) -> Image.Image:
    """The picture in these bytes, in `mode`; BadImage with the reason where they hold none.

    Raises MemoryError as it is: a lack of memory is the worker's trouble, not the image's.
    """
    if not data:
        raise BadImage("the file is empty")
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set: truncated images would pass as whole ones")
    with _quiet:
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            image.load()
            return in_mode(image, mode)
        except UnidentifiedImageError:
            raise BadImage(f"not an image in {', '.join(FORMATS)}") from None
        except (BadImage, MemoryError):
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, ... on damaged files
            raise BadImage(one_line(error)) from error


def in_mode(image: Image.Image, mode: Mode) -> Image.Image:
    """The picture as RGB or L with 8 bits a channel; where F is asked for, a picture in F stays as it is."""
    if image.mode == mode == "F":
        return image
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    # A palette's transparency is dropped with alpha; left in, PIL warns while it converts.
    image.info.pop("transparency", None)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits scaled so that 65535 is 255. PIL's mode I is 32 bits wide but PNG and PGM put 16 in it."""
    if image.mode == "F":
        raise BadImage("floating-point pixels have no fixed range; expected 8 or 16 bits a channel")
    values = np.asarray(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise BadImage(f"32-bit pixels in {low}..{high}; expected 8 or 16 bits a channel")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
