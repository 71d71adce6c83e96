"""Panels of covered images: what stands where, on which scale, and which classes are named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from jobs.figures.occlusion import Panels, occlusion_panels
from jobs.figures.style import LINES
from jobs.figures.tiles import mosaic
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

NAMES = ("cat", "dog", "a very long name of a class", "bird", "fish")


def panels(color: int = 3, **changes: Any) -> Panels:
    rng = np.random.default_rng(color)
    most = np.array([[0, 0, 0], [2, 2, 3], [3, 4, 0]])
    parts = rng.uniform(0, 1, (2, 4, 8, 8, color))
    given: dict[str, Any] = {
        "image": rng.uniform(0, 1, (16, 16, color)), "window": 6, "fill": (0.2, 0.4, 0.6)[:color],
        "strongest": np.arange(9.0).reshape(3, 3) * 1000, "projections": parts[0], "projected": parts[1],
        "probability": np.linspace(0.1, 0.9, 9).reshape(3, 3), "most_probable": most, "names": NAMES,
        "caption": "cat 0.71", "map_name": "conv5 #3",
    }  # fmt: skip
    return Panels(**(given | changes))


@pytest.mark.parametrize("color", [1, 3])
def test_panels_hold_what_they_are_given(color: int) -> None:
    one = panels(color)
    figure = occlusion_panels([one, panels(color, caption="dog 0.20")])
    shown = [np.asarray(image.get_array()).squeeze() for image in pictures(figure)]
    of_row = shown[: len(shown) // 2]
    np.testing.assert_array_equal(of_row[0], one.image.squeeze())
    np.testing.assert_array_equal(of_row[1], one.strongest)
    for place, parts in ((2, one.projections), (3, one.projected)):
        np.testing.assert_array_equal(of_row[place], mosaic(parts, columns=2).squeeze())
    np.testing.assert_array_equal(of_row[4], one.probability)
    assert {"cat 0.71", "dog 0.20", "conv5 #3", "0 to 8,000", "0 to 1"} <= set(words(figure))
    assert_printable(figure)


def test_the_occluder_is_drawn_at_scale_in_its_color() -> None:
    axes = occlusion_panels([panels()]).axes[0]
    (window,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (window.get_width(), window.get_height(), window.get_xy()) == (6, 6, (5, 5))
    np.testing.assert_allclose(to_rgb(window.get_facecolor()), (0.2, 0.4, 0.6))


def test_the_three_most_frequent_classes_are_named_and_others_gray() -> None:
    figure = occlusion_panels([panels()])
    assert {"cat", "bird"} <= set(words(figure))
    assert "fish" not in words(figure)
    image = pictures(figure)[-1]
    colors = np.asarray(image.cmap(image.norm(np.asarray(image.get_array()))))
    np.testing.assert_allclose(colors[0, 0, :3], to_rgb(LINES[0]))
    np.testing.assert_allclose(colors[2, 1, :3], to_rgb("#b4b4b4"))
    assert "a very long…" in words(figure)


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no images to draw; give at least one"):
        occlusion_panels([])


def test_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: occlusion_panels([panels()]), tmp_path)
