"""What a reader of the printed page would see: every text that was drawn, none of it small, cut off or covered."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from cluster.folder import Folder
from jobs.figures.plate import Plate, save
from jobs.figures.style import SMALL, WIDTH

TOUCH = 1.5  # pixels at 100 a inch: a text's box is taller than its letters


def drawn_texts(figure: Figure) -> list[Text]:
    """Texts that the renderer drew, ticks beyond the limits left out."""
    drawn: dict[int, Text] = {}
    draw = Text.draw

    def record(text: Text, *arguments: Any, **named: Any) -> None:
        if text.get_visible() and text.get_text():
            drawn[id(text)] = text
        draw(text, *arguments, **named)

    with patch.object(Text, "draw", record):  # the renderer is told of single lines only
        figure.canvas.draw()
    return list(drawn.values())


def assert_printable(figure: Figure) -> None:
    """No text is smaller than the smallest, leaves the page or overlaps another."""
    texts = drawn_texts(figure)
    boxes = [text.get_window_extent() for text in texts]
    wide, tall = WIDTH * figure.dpi, figure.get_figheight() * figure.dpi
    for text, box in zip(texts, boxes, strict=True):
        assert float(text.get_fontsize()) >= SMALL, text
        assert box.x0 >= 0, text
        assert box.y0 >= -TOUCH, text
        assert box.x1 <= wide, text
        assert box.y1 <= tall + TOUCH, text
    for (text, box), (other, under) in combinations(zip(texts, boxes, strict=True), 2):
        beside = box.x1 - TOUCH <= under.x0 or under.x1 - TOUCH <= box.x0
        assert beside or box.y1 - TOUCH <= under.y0 or under.y1 - TOUCH <= box.y0, (text, other)


def assert_same_bytes(draw: Callable[[], Figure], folder: Path) -> None:
    """Two drawings are saved as the same PNG, SVG and NPZ."""
    for name in ("first", "second"):
        save(Plate("drawn", "title", "how", draw(), {}), Folder(folder / name))
    for suffix in ("png", "svg", "npz"):
        first, second = (folder / name / "figures" / f"drawn.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def words(figure: Figure) -> list[str]:
    """Every text that was drawn."""
    return [text.get_text() for text in drawn_texts(figure)]


def pictures(figure: Figure) -> list[AxesImage]:
    """All images in the order of their axes; a color bar is drawn otherwise."""
    return [image for axes in figure.axes for image in axes.get_images()]
