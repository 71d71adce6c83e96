"""Aligned directions: every output where its image stands, class means as steps, correlations in the titles."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch

from jobs.figures.aligned import Column, Pair, Row, aligned
from jobs.figures.style import LINES
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

RNG = np.random.default_rng(4)
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def columns(sizes: list[int], correlation: float = 0.98) -> tuple[Column, Column]:
    def row(label: str, network: int) -> Row:
        values = RNG.normal(size=sum(sizes))
        return Row(label, values, network, np.array([part.mean() for part in np.split(values, np.cumsum(sizes)[:-1])]))

    def column(title: str, label: str) -> Column:
        pairs = [Pair(f"{nth} pair", (row(label, 0), row(label, 1)), correlation) for nth in ("first", "second")]
        return Column(title, tuple(pairs))

    return column("units of largest norm", "unit 512"), column("directions aligned by SVCCA", "direction 1")


@pytest.mark.parametrize("names", [CIFAR, ["no", "yes"], [f"n{number:08}" for number in range(100)], ["only"]])
def test_rows_hold_outputs_and_means_in_the_color_of_their_network(names: list[str]) -> None:
    sizes = RNG.integers(3, 30, len(names)).tolist()
    given = columns(sizes)
    figure = aligned(*given, class_sizes=sizes, class_names=names, names=("seed-1", "torchvision-alexnet"))
    assert_printable(figure)
    rows = [row for column in given for pair in column.pairs for row in pair.rows]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for axes, row in zip(figure.axes, rows, strict=True):
        (outputs,) = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) == sum(sizes)]
        np.testing.assert_array_equal(np.asarray(outputs.get_ydata()), row.values)
        assert to_hex(str(outputs.get_color())) == LINES[row.color_index]
        (steps,) = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
        means, between, _ = steps.get_data()
        np.testing.assert_array_equal(means, row.class_means)
        np.testing.assert_array_equal(between, edges)
        assert axes.get_xlim() == (0, edges[-1])
        dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
        assert [float(np.asarray(line.get_xdata())[0]) for line in dotted] == edges[1:-1].tolist()


@pytest.mark.parametrize(("value", "text"), [(0.984, "0.98"), (-0.5, "\N{MINUS SIGN}0.50"), (np.nan, "undefined")])
def test_titles_say_the_correlation_of_their_pair(value: float, text: str) -> None:
    figure = aligned(*columns([5, 5], value), class_sizes=[5, 5], class_names=["no", "yes"], names=("a", "b"))
    assert words(figure).count(f"first pair, correlation {text}") == 2


def test_names_of_many_classes_are_thinned() -> None:
    sizes = [4] * 100
    names = [f"class {number}" for number in range(100)]
    lowest = aligned(*columns(sizes), class_sizes=sizes, class_names=names, names=("a", "b")).axes[-1]
    labels = [label.get_text() for label in lowest.get_xticklabels()]
    assert labels[:2] == ["class 0", "class 5"]
    assert lowest.get_xticks()[1] == 22.0


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = columns([20, 20])
    options: dict[str, Any] = {"class_sizes": [20, 20], "class_names": ["no", "yes"], "names": ("a", "b")}
    assert_same_bytes(lambda: aligned(*given, **options), tmp_path)


def test_what_cannot_be_drawn_is_refused() -> None:
    left, right = columns([3, 4])
    with pytest.raises(ValueError, match=r"\[2, 1\] pairs"):
        aligned(left, replace(right, pairs=right.pairs[:1]), class_sizes=[3, 4], class_names=["a", "b"], names=("", ""))
    with pytest.raises(ValueError, match=r"sizes \[3, 4\] and 3 names"):
        aligned(left, right, class_sizes=[3, 4], class_names=["a", "b", "c"], names=("", ""))
    with pytest.raises(ValueError, match=r"\(7, 2\) values and class means; \(8, 2\)"):
        aligned(left, right, class_sizes=[4, 4], class_names=["a", "b"], names=("", ""))
