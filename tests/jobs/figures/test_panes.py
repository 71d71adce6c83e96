"""Panes: the origin is at the lower left, names stand where they are needed, one scale for all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.figures.panes import LayerMatrix, layer_matrix, panes
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

RNG = np.random.default_rng(7)
LABELS: dict[str, Any] = {
    "limits": (0.0, 1.0),
    "color_label": "mean",
    "x_label": "layers at the end",
    "y_label": "layers at time t",
}
PLAIN = ["conv1", "conv2", "conv3", "pool", "conv4", "fc1", "logits"]
RESIDUAL = [f"layer{stage}.{block}.bn{part}" for stage in range(1, 6) for block in range(3) for part in (1, 2)]
LONG = [f"features.denseblock3.denselayer{number}.conv2" for number in range(40)]


def matrix(layers_x: list[str], layers_y: list[str] | None = None, title: str = "35 % trained") -> LayerMatrix:
    layers_y = layers_y or layers_x
    return LayerMatrix(title, RNG.uniform(0, 1, (len(layers_y), len(layers_x))), layers_x, layers_y)


def grid() -> list[list[LayerMatrix]]:
    return [[matrix(layers, title=f"{share} %") for share in (0, 35, 75, 100)] for layers in (PLAIN, RESIDUAL)]


def test_both_axes_rise_from_the_input_layer() -> None:
    given = matrix(PLAIN)
    figure = panes([[given]], **LABELS)
    (picture,) = pictures(figure)
    np.testing.assert_array_equal(np.asarray(picture.get_array()), given.values)
    assert picture.origin == "lower"
    axes = figure.axes[0]
    assert axes.get_xlim()[0] < axes.get_xlim()[1]
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_ylim() == (-0.5, len(PLAIN) - 0.5)


def test_all_panes_share_the_scale_and_only_outer_ones_carry_names() -> None:
    figure = panes(grid(), row_labels=("convolutional", "residual"), **LABELS)
    assert_printable(figure)
    assert {picture.get_clim() for picture in pictures(figure)} == {(0.0, 1.0)}
    named_y = [bool(len(axes.get_yticks())) for axes in figure.axes[:8]]
    assert named_y == [True, False, False, False] * 2
    assert all(len(axes.get_xticks()) for axes in figure.axes[:8])  # the rows hold other layers
    same = panes([row[:2] for row in (grid()[1], grid()[1])], **LABELS)
    assert [bool(len(axes.get_xticks())) for axes in same.axes[:4]] == [False, False, True, True]
    assert {"convolutional", "residual", "layers at time t", "layers at the end"} <= set(words(figure))


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (12, 12), (1, 5), (40, 40)])
def test_panes_of_other_shapes_name_their_own_layers(shape: tuple[int, int]) -> None:
    wide = matrix(LONG[: shape[1]], LONG[: shape[0]], "features.denseblock3 against features.denseblock3")
    figure = panes([[matrix(PLAIN), wide, matrix(PLAIN)]], **LABELS)
    assert_printable(figure)
    assert all(len(axes.get_yticks()) for axes in figure.axes[:3])
    boxes = [axes.get_position() for axes in figure.axes[:3]]
    assert len({round(box.y0, 6) for box in boxes}) == 1


@pytest.mark.parametrize("undefined", [True, False])
def test_undefined_cells_are_explained(undefined: bool) -> None:
    given = matrix(PLAIN)
    if undefined:
        given.values[2, 3] = np.nan
    shown = words(panes([[given, given]], **LABELS))
    assert any(text.startswith("undefined") for text in shown) == undefined


@pytest.mark.parametrize(
    ("layers_x", "layers_y"),
    [(PLAIN, PLAIN), (PLAIN, LONG), (RESIDUAL, PLAIN), (LONG, LONG), (["fc"], ["fc"]), (LONG[:8], LONG[:8])],
)
def test_one_matrix_names_every_layer(layers_x: list[str], layers_y: list[str]) -> None:
    figure = layer_matrix(matrix(layers_x, layers_y), **LABELS)
    assert_printable(figure)
    axes = figure.axes[0]
    assert len(axes.get_xticks()) == len(layers_x)
    assert len(axes.get_yticks()) == len(layers_y)


def test_values_stand_in_up_to_eight_by_eight_cells() -> None:
    given = LayerMatrix("signed", np.array([[0.5, -0.25], [np.nan, 1.0]]), ["a", "b"], ["c", "d"])
    figure = layer_matrix(given, **{**LABELS, "limits": (-1.0, 1.0)})
    written = {(text.get_position(), text.get_text()) for text in figure.axes[0].texts}
    assert written == {((0, 0), "0.50"), ((1, 0), "\N{MINUS SIGN}0.25"), ((1, 1), "1.00")}
    assert not layer_matrix(matrix(RESIDUAL[:9]), **LABELS).axes[0].texts


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = grid()
    assert_same_bytes(lambda: panes(given, **LABELS), tmp_path / "panes")
    assert_same_bytes(lambda: layer_matrix(given[0][0], **LABELS), tmp_path / "matrix")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no panes"):
        panes([], **LABELS)
    with pytest.raises(ValueError, match="holds no panes"):
        panes([[matrix(PLAIN)], []], **LABELS)
    with pytest.raises(ValueError, match="1 row labels for 2 rows"):
        panes(grid(), row_labels=("one",), **LABELS)
    with pytest.raises(ValueError, match=r"values \(2, 2\) for layers \(2, 3\)"):
        layer_matrix(LayerMatrix("a", np.zeros((2, 2)), ["a", "b", "c"], ["a", "b"]), **LABELS)
    with pytest.raises(ValueError, match="first must be below"):
        layer_matrix(matrix(PLAIN), **{**LABELS, "limits": (1.0, 0.0)})
