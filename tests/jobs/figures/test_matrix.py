"""Matrices on one scale: the cells that were given, one pair of limits, undefined cells said to be so."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jobs.figures.matrix import Panel, matrices
from jobs.figures.style import UNDEFINED, WIDTH
from tests.jobs.figures.planted import compared, panels

SIZES = [(16, 16), (64, 512), (512, 512), (512, 64), (3, 40), (1, 1)]
UNDEFINED_TEXT = "undefined: the channel is (almost) constant"


def drawn(figure: Figure) -> list[AxesImage]:
    """The picture of every panel; the color bar is drawn otherwise."""
    return [image for axes in figure.axes for image in axes.get_images()]


def random_panels(rows: int, columns: int) -> list[Panel]:
    rng = np.random.default_rng(rows + columns)
    shapes = ((rows, rows), (columns, columns), (rows, columns), (rows, columns))
    return [Panel(f"panel {n}", rng.uniform(-1, 1, shape), "x", "y") for n, shape in enumerate(shapes)]


@pytest.mark.parametrize("size", SIZES)
def test_panels_hold_what_was_given_and_do_not_overlap(size: tuple[int, int]) -> None:
    given = random_panels(*size)
    figure = matrices(given, limits=(-1.0, 1.0), color_label="correlation")
    pictures = drawn(figure)
    for panel, picture in zip(given, pictures, strict=True):
        np.testing.assert_array_equal(np.asarray(picture.get_array()), panel.values)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert box is not None
        assert not any(box.overlaps(other) for other in boxes[:number] if other is not None)


def test_all_panels_and_the_color_bar_share_limits_and_colors() -> None:
    figure = matrices(panels(compared("conv1", 16, 24, 0.5)), limits=(-0.8, 0.8), color_label="correlation")
    assert {picture.get_clim() for picture in drawn(figure)} == {(-0.8, 0.8)}
    assert len({picture.get_cmap().name for picture in drawn(figure)}) == 1
    bar = figure.axes[-1]
    assert bar.get_xlim() == (-0.8, 0.8)
    assert "correlation" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("undefined", [True, False])
def test_undefined_cells_are_gray_and_explained(undefined: bool) -> None:
    values = np.linspace(-1, 1, 9).reshape(3, 3)
    if undefined:
        values[1, 1] = np.nan
    figure = matrices([Panel("one", values, "x", "y")], limits=(-1.0, 1.0), color_label="correlation")
    (picture,) = drawn(figure)
    center = np.asarray(picture.to_rgba(picture.get_array()))[1, 1]  # type: ignore[arg-type]
    assert np.allclose(center, to_rgba(UNDEFINED)) == undefined
    assert (UNDEFINED_TEXT in [text.get_text() for text in figure.texts]) == undefined


def test_narrow_layers_stand_in_one_row_and_wide_ones_in_two() -> None:
    rows = {
        units: len(
            {
                round(axes.get_position().y1, 3)
                for axes in matrices(random_panels(units, units), limits=(-1, 1), color_label="c").axes[:4]
            }
        )
        for units in (16, 64)
    }
    assert rows == {16: 1, 64: 2}


@pytest.mark.parametrize("units", [16, 64])
def test_long_names_stay_inside(units: int) -> None:
    names = (
        "within torchvision-1",
        "within onnxzoo",
        "between, natural order",
        "between, onnxzoo in torchvision's order",
    )
    given = [Panel(name, np.eye(units), "matched channel of onnxzoo", "channel of torchvision") for name in names]
    figure = matrices(given, limits=(-1.0, 1.0), color_label="correlation over images and positions")
    figure.draw_without_rendering()
    bounds = figure.get_tightbbox()
    assert bounds.x0 >= 0.0
    assert bounds.y0 >= 0.0
    assert bounds.x1 <= WIDTH
    assert bounds.y1 <= figure.get_figheight()


@pytest.mark.parametrize(
    "given", [[], [Panel("empty", np.zeros((0, 3)), "x", "y")], [Panel("row", np.zeros(3), "x", "y")]]
)
def test_nothing_to_draw_is_refused(given: list[Panel]) -> None:
    with pytest.raises(ValueError, match=r"no matrices|has shape"):
        matrices(given, limits=(-1.0, 1.0), color_label="correlation")
