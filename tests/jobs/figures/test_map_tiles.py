"""Maps beside their image: every value where it belongs, the scale as it is stated, overlays on the part they cover."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.figures.map_tiles import Beside, Tiles, map_tiles, vector_bars
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

BESIDE = Beside(np.random.default_rng(0).uniform(0, 1, (10, 12, 3)), "a-class-with-a-long-name/and-a-longer-file.JPEG")
NOTES = ["activation, one scale for the maps shown", "99 % of the magnitudes are within it, the largest is 12.3"]


def tiles(count: int, side: int = 5, low: float = 0.0, **changes: Any) -> Tiles:
    maps = np.random.default_rng(count).uniform(low, 1, (count, side, side))
    labels = [f"#{7 * number}" for number in range(count)]
    return Tiles(**{"maps": maps, "labels": labels, "limits": [(low, 0.75)] * count, **changes})


@pytest.mark.parametrize("count", [1, 6, 65])
def test_every_map_is_drawn_with_its_label(count: int) -> None:
    shown = tiles(count)
    figure = map_tiles(BESIDE, shown, NOTES)
    first, *others = pictures(figure)
    np.testing.assert_array_equal(np.asarray(first.get_array()), BESIDE.picture)
    for image, values in zip(others, shown.maps, strict=True):
        np.testing.assert_array_equal(np.asarray(image.get_array()), values)
        assert image.get_clim() == (0.0, 0.75)
        assert image.get_interpolation() == "none"
    said = words(figure)
    assert {*shown.labels, *NOTES, "0", "0.375", "0.75"} <= set(said)
    assert "".join(word for word in said if len(word) > 6 and word in BESIDE.caption) == BESIDE.caption
    assert_printable(figure)


@pytest.mark.parametrize(("low", "name", "zero"), [(0.0, "gray", "black"), (-0.75, "RdBu_r", "white")])
def test_zero_is_black_where_nothing_is_negative_and_white_elsewhere(low: float, name: str, zero: str) -> None:
    image = pictures(map_tiles(BESIDE, tiles(3, low=low), NOTES))[1]
    assert image.get_cmap().name == name
    (color,) = image.to_rgba(np.array([0.0]))[:, :3].tolist()
    assert max(color) == 0 if zero == "black" else min(color) > 0.95


def test_each_map_may_have_its_own_scale() -> None:
    shown = tiles(3, low=-1.0, limits=[(-1.0, 1.0), (-2.0, 2.0), (-3.0, 3.0)])
    figure = map_tiles(BESIDE, shown, NOTES)
    assert [image.get_clim() for image in pictures(figure)[1:]] == shown.limits
    said = words(figure)
    assert {"\N{MINUS SIGN}limit", "0", "limit"} <= set(said)
    assert not {"1", "2", "3"} & set(said), "numbers of one scale would be wrong for the others"
    assert_printable(figure)


def test_an_overlay_lies_on_the_part_it_covers() -> None:
    shown = tiles(2, over=(1.0, 0.5, 9.0, 11.5))
    figure = map_tiles(BESIDE, shown, NOTES)
    _, gray, over, *_ = pictures(figure)
    np.testing.assert_allclose(np.asarray(gray.get_array()), BESIDE.picture.mean(-1))
    assert gray.get_extent() == [0.0, 12, 10, 0.0]
    np.testing.assert_array_equal(np.asarray(over.get_array()), shown.maps[0])
    assert over.get_extent() == [0.5, 11.5, 9.0, 1.0]
    assert (over.get_alpha(), over.get_interpolation(), over.get_cmap().name) == (0.5, "none", "viridis")
    assert over.axes.get_xlim() == (0, 12)
    assert over.axes.get_ylim() == (10, 0)
    assert_printable(figure)


@pytest.mark.parametrize("over", [None, (0.0, 0.0, 10.0, 12.0)])
def test_pixels_are_square(over: Any) -> None:
    figure = map_tiles(BESIDE, tiles(9, over=over), NOTES)
    for image in pictures(figure):
        box = image.axes.get_position()
        left, right, bottom, top = image.get_extent()
        wide, tall = box.width * figure.get_figwidth(), box.height * figure.get_figheight()
        assert wide / abs(right - left) == pytest.approx(tall / abs(bottom - top), rel=1e-6)


def test_what_is_no_number_has_a_color_of_its_own() -> None:
    shown = tiles(1)
    shown.maps[0, 0, 0] = np.nan
    image = pictures(map_tiles(BESIDE, shown, NOTES))[1]
    red, _, blue, _ = image.to_rgba(np.asarray(image.get_array()))[0, 0]
    assert red > blue + 0.5


def test_vectors_are_bars() -> None:
    values = np.random.default_rng(0).normal(size=64)
    figure = vector_bars(BESIDE, values, [str(number) for number in range(100, 164)], (-3.0, 4.0))
    axes = figure.axes[1]
    np.testing.assert_array_equal([bar.get_height() for bar in axes.patches], values)  # type: ignore[attr-defined]
    assert axes.get_ylim() == (-3.0, 4.0)
    assert axes.get_xlim() == (-0.6, 63.6)
    assert {"100", "channel", "activation"} <= set(words(figure))
    assert_printable(figure)


def test_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: map_tiles(BESIDE, tiles(3, over=(0.0, 0.0, 10.0, 12.0)), NOTES), tmp_path)


def test_parts_of_another_number_are_refused() -> None:
    for wrong in (tiles(0), tiles(3, labels=["#0"]), tiles(3, limits=[(0.0, 1.0)])):
        with pytest.raises(ValueError, match=r"There are \d maps, \d labels and \d limits; give one a map"):
            map_tiles(BESIDE, wrong, NOTES)
    with pytest.raises(ValueError, match="2 values and 1 labels"):
        vector_bars(BESIDE, np.zeros(2), ["0"], (0.0, 1.0))
