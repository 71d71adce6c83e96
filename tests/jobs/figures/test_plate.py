"""Plates: three files under one name, the same bytes every time, the arrays as they were given."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from cluster.folder import Folder
from jobs.figures.plate import FRAME_MS, LAST_MS, PNG_DPI, Plate, plate_name, save
from jobs.figures.style import SMALL, WIDTH, canvas, color_map, styled
from tests.jobs.figures.planted import compared, curve_plates, filters_plate, matrix_plate

DRAWN: dict[str, Callable[[], Plate]] = {
    "matrix": lambda: matrix_plate(compared("conv2", 24, 32, 0.6)),
    "sorted": lambda: curve_plates([compared("a", 8, 8, 0.3), compared("b", 8, 12, 0.3)])[0],
    "pairing": lambda: curve_plates([compared("a", 8, 8, 0.3), compared("b", 8, 12, 0.3)])[1],
    "depth": lambda: curve_plates([compared("a", 8, 8, 0.3), compared("b", 8, 12, 0.3)])[2],
    "filters": filters_plate,
}


@pytest.fixture(params=list(DRAWN))
def draw(request: pytest.FixtureRequest) -> Callable[[], Plate]:
    """A function that draws a plate anew."""
    return DRAWN[request.param]


def saved(plate: Plate, folder: Path) -> dict[str, bytes]:
    save(plate, Folder(folder))
    return {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}


def test_drawing_twice_gives_the_same_bytes(draw: Callable[[], Plate], tmp_path: Path) -> None:
    first, second = saved(draw(), tmp_path / "first"), saved(draw(), tmp_path / "second")
    assert len(first) == 3
    assert first == second


def test_arrays_come_back_as_given(draw: Callable[[], Plate], tmp_path: Path) -> None:
    plate = draw()
    loaded = np.load(io.BytesIO(saved(plate, tmp_path)[f"{plate.name}.npz"]))
    assert set(loaded.files) == set(plate.arrays)
    for name, values in plate.arrays.items():
        np.testing.assert_array_equal(loaded[name], values)
        assert loaded[name].dtype == values.dtype


def test_pictures_have_the_width_of_the_page_and_no_date(draw: Callable[[], Plate], tmp_path: Path) -> None:
    plate = draw()
    files = saved(plate, tmp_path)
    assert Image.open(io.BytesIO(files[f"{plate.name}.png"])).width == round(WIDTH * PNG_DPI)
    assert b"<dc:date>" not in files[f"{plate.name}.svg"]


def test_no_text_is_too_small_to_read_or_leaves_the_figure(draw: Callable[[], Plate]) -> None:
    figure = draw().figure
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()]  # type: ignore[attr-defined]
    assert texts
    for text in texts:
        assert text.get_fontsize() >= SMALL, text  # type: ignore[attr-defined]
    bounds = figure.get_tightbbox()
    assert bounds.x0 >= -0.02
    assert bounds.y0 >= -0.02
    assert bounds.x1 <= WIDTH + 0.02
    assert bounds.y1 <= figure.get_figheight() + 0.02


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "spaced name", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="plate_name"):
        Plate(name, "title", "how", canvas(1.0), {})


def test_python_objects_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Arrays \['bad'\]"):
        Plate("x", "title", "how", canvas(1.0), {"bad": np.array([None])})


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("matrices", "features.1"), "matrices-features.1"),
        (("filters", "block/0 conv"), "filters-block_0_conv"),
        (("x", "*"), "x-x"),
    ],
)
def test_names_from_layers(parts: tuple[str, ...], name: str) -> None:
    assert plate_name(*parts) == name
    assert Plate(name, "title", "how", canvas(1.0), {}).name == name


def test_the_style_leaves_no_trace_and_needs_no_pyplot() -> None:
    code = (
        "import sys, matplotlib as mpl; before = dict(mpl.rcParams)\n"
        "from tests.jobs.figures.planted import filters_plate; filters_plate()\n"
        "assert dict(mpl.rcParams) == before and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_dollar_in_a_name_is_no_formula(tmp_path: Path) -> None:
    with styled():
        figure = canvas(1.0)
        figure.text(0.1, 0.5, r"layer $x^$ \frac")
    assert len(saved(Plate("dollar", "title", "how", figure, {}), tmp_path)) == 3


def test_signed_maps_are_white_at_zero_and_others_grow_evenly_lighter() -> None:
    signed, other = color_map((-0.5, 0.5)), color_map((0.0, 1.0))
    assert min(signed(0.5)[:3]) > 0.95
    weights = np.array([0.2126, 0.7152, 0.0722])
    lightness = np.array(other(np.linspace(0.0, 1.0, 20)))[:, :3] @ weights
    assert (np.diff(lightness) > 0).all()
    with pytest.raises(ValueError, match="first must be below"):
        color_map((1.0, 1.0))


def written(*texts: str) -> tuple[Figure, ...]:
    """A small figure of each text."""
    with styled():
        figures = [canvas(1.0) for _ in texts]
        for figure, text in zip(figures, texts, strict=True):
            figure.text(0.1, 0.5, text)
    return tuple(figures)


def test_an_animation_has_its_frames_in_order_and_the_same_bytes(tmp_path: Path) -> None:
    texts = ("first", "second", "third")
    files = [
        saved(Plate("moving", "title", "how", canvas(1.0), {}, animation=written(*texts)), tmp_path / name)
        for name in ("one", "other")
    ]
    assert files[0] == files[1]
    gif = Image.open(io.BytesIO(files[0]["moving.gif"]))
    frames = [(np.asarray(frame.convert("L"), float), frame.info["duration"]) for frame in ImageSequence.Iterator(gif)]
    assert [duration for _, duration in frames] == [FRAME_MS, FRAME_MS, LAST_MS]
    assert gif.info["loop"] == 0
    for (frame, _), figure in zip(frames, written(*texts), strict=True):
        alone = saved(Plate("x", "title", "how", figure, {}), tmp_path / "alone")["x.png"]
        np.testing.assert_allclose(frame, np.asarray(Image.open(io.BytesIO(alone)).convert("L"), float), atol=8)
