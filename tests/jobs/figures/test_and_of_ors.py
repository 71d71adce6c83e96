"""AND of ORs: the target in words, a square for every mode with its pictures in order."""

from pathlib import Path

import numpy as np
import pytest

from jobs.figures.and_of_ors import Mode, Unit, and_of_ors_figure
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words


def mode(name: str, share: float, count: int = 9, color: int = 3) -> Mode:
    shades = np.linspace(0, 250, count).astype(np.uint8)
    return Mode(name, share, np.broadcast_to(shades[:, None, None, None], (count, 8, 8, color)).copy())


PERSON = [
    Unit("conv4 #17", [mode("wheel", 0.6), mode("face", 0.4)]),
    Unit("conv4 #203, of a long name", [mode("hand", 0.5), mode("flower/tree", 0.3), mode("leg", 0.2, count=5)]),
    Unit("conv5 #3", [mode("sky", 1.0)], negated=True),
]


def test_the_target_is_written_out_and_every_mode_shown() -> None:
    figure = and_of_ors_figure("person", PERSON)
    assert_printable(figure)
    shown = words(figure)
    assert shown[0] == "person = (wheel or face) and (hand or flower/tree or leg) and not sky"
    assert (shown.count("or"), shown.count("and")) == (3, 2)
    assert {"wheel", "60 %", "flower/tree", "30 %", "conv4 #17", "not conv5 #3"} <= set(shown)
    assert len(pictures(figure)) == 6


def test_nine_pictures_fill_a_square_in_order() -> None:
    (picture,) = pictures(and_of_ors_figure("sky", [Unit("conv5 #3", [mode("sky", 1.0)])]))
    square = np.asarray(picture.get_array())[4::9, 4::9, 0]
    assert square.shape == (3, 3)
    assert (np.diff(square.ravel()) > 0).all()
    assert square.max() == pytest.approx(250 / 255)


def test_many_modes_and_gray_pictures_fit() -> None:
    units = [Unit("conv1 #1", [mode(f"a class of a long name {n}", 0.1, color=1) for n in range(7)])] * 2
    assert_printable(and_of_ors_figure("target", units))


def test_units_without_modes_are_refused() -> None:
    for units in ([], [Unit("conv1 #1", [])]):
        with pytest.raises(ValueError, match="person has no unit to draw, or one without modes"):
            and_of_ors_figure("person", units)


def test_the_same_modes_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: and_of_ors_figure("person", PERSON), tmp_path)
