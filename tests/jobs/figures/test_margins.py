"""Margins: names are measured as they are printed, kept apart and shortened from the left."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.lines import Line2D

from jobs.figures.margins import LINE, LONGEST, apart, inches, key, key_height, lying, name_x, name_y, place, shortened
from jobs.figures.style import WIDTH, canvas, styled
from tests.jobs.figures.printed import assert_printable, drawn_texts


@pytest.mark.parametrize(("text", "points", "bold"), [("layer2.1.bn2", 8, False), ("fc", 9, True), ("", 8, False)])
def test_inches_are_those_of_the_printed_text(text: str, points: float, bold: bool) -> None:
    with styled():
        figure = canvas(1.0)
        drawn = figure.text(0.1, 0.5, text, fontsize=points, fontweight="bold" if bold else "normal")
        width = drawn.get_window_extent().width / figure.dpi
    assert inches(text, points, bold) == pytest.approx(width, abs=0.03)  # a screen's font is fitted to whole pixels


@settings(max_examples=20, deadline=None)
@given(st.text("abcdef.0123456789", min_size=0, max_size=60), st.floats(0.2, 2.0))
def test_a_shortened_text_fits_and_keeps_its_end(text: str, room: float) -> None:
    short = shortened(text, room)
    assert inches(short) <= room
    assert text.endswith(short.removeprefix("…"))
    assert (short == text) == (inches(text) <= room)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=40).map(sorted), st.floats(0.05, 2.0))
def test_kept_positions_are_apart_and_none_more_would_fit(at: list[float], least: float) -> None:
    kept = [at[index] for index in apart(at, least)]
    assert kept[0] == at[0]
    assert all(right - left >= least - 1e-6 for left, right in pairwise(kept))
    assert all(min(abs(position - other) for other in kept) < least for position in at)


@pytest.mark.parametrize("count", [1, 4, 30, 90])
@pytest.mark.parametrize("name", ["fc{}", "layer{}.1.bn2", "features.denseblock3.denselayer{}.conv2"])
def test_names_on_axes_never_overlap(count: int, name: str) -> None:
    names = [name.format(number) for number in range(count)]
    at = [(number + 0.5) * 4.0 / count for number in range(count)]
    with styled():
        figure = canvas(6.0)
        axes = place(figure, 1.0 + LONGEST, 1.5, 4.0, 4.0)
        axes.set(xlim=(-0.5, count - 0.5), ylim=(-0.5, count - 0.5))
        name_x(axes, range(count), names, at)
        name_y(axes, range(count), names, at)
    assert_printable(figure)
    rotations = {label.get_rotation() for label in axes.get_xticklabels()}
    assert rotations == ({0.0} if lying(names, at) else {90.0})
    steps = {round(right - left) for left, right in pairwise(axes.get_yticks())}
    assert len(steps) <= 1
    assert not steps or (steps.pop() == 1) == (count * LINE <= 4.0)


def test_a_key_takes_the_height_it_says() -> None:
    lines = [Line2D([], [], label=f"a label of some length {number}") for number in range(7)]
    with styled():
        figure = canvas(2.0)
        key(figure, lines, 0.5)
    assert_printable(figure)
    assert min(text.get_window_extent().y0 for text in drawn_texts(figure)) / figure.dpi >= 2.0 - key_height(lines, 0.5)
    assert key_height([], 0.5) == 0.0
    assert max(text.get_window_extent().x1 for text in drawn_texts(figure)) / figure.dpi <= WIDTH
