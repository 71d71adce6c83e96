"""A plate: one figure with its title, a sentence on how to read it and the arrays it was drawn from.

Saved three times under one name: PNG, SVG and NPZ; what moves is saved as GIF besides. The same arrays give the same
bytes: runs can be compared.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cluster.blobs import Blobs
from jobs.figures.style import styled

PNG_DPI = 150
SVG_DPI = 220  # of pictures inside an SVG: a 512 x 512 matrix then keeps at least one pixel a cell
FRAME_MS, LAST_MS = 800, 2400  # a frame of an animation, and the last before it begins again


@dataclass(frozen=True)
class Plate:
    """A figure and what belongs to it."""

    name: str
    """File name without suffix: letters, digits, `.`, `_` and `-`; unique in a run."""
    title: str
    """What is shown, in a few words."""
    how_to_read: str
    """One sentence for a person who sees such a figure for the first time."""
    figure: Figure
    """Drawn through Matplotlib's object interface."""
    arrays: dict[str, np.ndarray]
    """Every number in the figure, by name; no Python objects."""
    animation: tuple[Figure, ...] = ()
    """The same as frames of one size, in order, no two alike; none for a figure that stands still."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"A plate is named {self.name!r}; use letters, digits, '.', '_' and '-': see plate_name.")
        objects = [name for name, values in self.arrays.items() if values.dtype.hasobject]
        if objects:
            raise ValueError(f"Arrays {objects} of plate {self.name} hold Python objects; give numbers or text.")


def plate_name(*parts: str) -> str:
    """A name for a plate from a step and layers: `plate_name("matrices", "features.1")` is `matrices-features.1`."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part).strip("._") or "x" for part in parts)


def save(plate: Plate, blobs: Blobs) -> None:
    """Write `figures/<name>.png`, `.svg` and `.npz`, and `.gif` where there are frames.

    Equal plates give equal bytes under one Matplotlib, NumPy and Pillow.
    """
    blobs.write(f"figures/{plate.name}.npz", _npz(plate.arrays))
    blobs.write(f"figures/{plate.name}.svg", _drawn(plate.figure, "svg"))
    blobs.write(f"figures/{plate.name}.png", _drawn(plate.figure, "png"))
    if plate.animation:
        blobs.write(f"figures/{plate.name}.gif", _animated(plate.animation))


def _drawn(figure: Figure, suffix: str) -> bytes:
    # No date and no version in the file: they would change bytes that show the same picture.
    metadata = {"Software": None} if suffix == "png" else {"Date": None, "Creator": None}
    stream = io.BytesIO()
    with styled():
        figure.savefig(stream, format=suffix, dpi=PNG_DPI if suffix == "png" else SVG_DPI, metadata=metadata)
    return stream.getvalue()


def _animated(figures: tuple[Figure, ...]) -> bytes:
    """Frames in the 256 colors that suit all of them best, so that no color flickers; repeated without end."""
    frames = [Image.open(io.BytesIO(_drawn(figure, "png"))).convert("RGB") for figure in figures]
    below = Image.new("RGB", (frames[0].width, sum(frame.height for frame in frames)))
    for number, frame in enumerate(frames):
        below.paste(frame, (0, number * frame.height))
    palette = below.quantize(256)
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    stream = io.BytesIO()
    durations = [FRAME_MS] * len(others) + [LAST_MS]
    first.save(stream, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False)
    return stream.getvalue()


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()
