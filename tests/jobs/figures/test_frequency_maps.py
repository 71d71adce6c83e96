"""Frequency maps: zero in the middle at every size, one scale, numbers that count waves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.figures.frequency_maps import FrequencyMap, frequency_maps
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

RNG = np.random.default_rng(9)
LABELS: dict[str, Any] = {"limits": (0.0, 1.0), "color_label": "mean canonical correlation"}


def layer(height: int, width: int | None = None, title: str = "layer2.1.bn2") -> FrequencyMap:
    return FrequencyMap(title, RNG.uniform(0, 1, (height, width or height)))


@pytest.mark.parametrize("sizes", [[1], [8, 7], [32, 16, 8, 4, 2], [13] * 7, [28] * 30])
def test_maps_are_as_given_on_one_scale(sizes: list[int]) -> None:
    given = [layer(size) for size in sizes]
    figure = frequency_maps(given, **LABELS)
    assert_printable(figure)
    for picture, shown in zip(pictures(figure), given, strict=True):
        np.testing.assert_array_equal(np.asarray(picture.get_array()), shown.values)
        assert picture.get_clim() == (0.0, 1.0)
        assert picture.origin == "lower"


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_pixels_stand_at_the_frequencies_of_the_shifted_transform(size: int) -> None:
    (picture,) = pictures(frequency_maps([layer(size, 5)], **LABELS))
    left, right, below, above = picture.get_extent()
    frequencies = np.fft.fftshift(np.fft.fftfreq(size, 1 / size))
    np.testing.assert_allclose(below + 0.5 + np.arange(size), frequencies, atol=1e-9)
    assert above - below == size
    assert (left, right) == (-2.5, 2.5)
    axes = picture.axes
    assert set(axes.get_yticks()) <= set(frequencies)
    assert 0 in axes.get_yticks()


@pytest.mark.parametrize("undefined", [True, False])
def test_undefined_frequencies_are_explained(undefined: bool) -> None:
    given = layer(4)
    if undefined:
        given.values[0, 0] = np.nan
    shown = words(frequency_maps([given], **LABELS))
    assert any(text.startswith("undefined") for text in shown) == undefined
    assert "horizontal, cycles per map" in shown


def test_long_titles_and_other_shapes_stay_inside() -> None:
    shapes = [(4, 40), (40, 4), (8, 12), (16, 16), (7, 7), (7, 7)]
    maps = [layer(*shape, title="features.denseblock3.denselayer12.conv2") for shape in shapes]
    figure = frequency_maps(maps, **LABELS)
    assert_printable(figure)


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = [layer(8), layer(4)]
    assert_same_bytes(lambda: frequency_maps(given, **LABELS), tmp_path)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no frequency maps"):
        frequency_maps([], **LABELS)
    with pytest.raises(ValueError, match=r"'flat' has shape \(4,\)"):
        frequency_maps([FrequencyMap("flat", np.zeros(4))], **LABELS)
