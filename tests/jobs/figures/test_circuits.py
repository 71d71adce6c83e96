"""Circuits: every count, score and mark is drawn, and those near the chosen one are counted, the luckiest or not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.figures.circuits import Circuits, circuits
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words


def found(title: str = "eight in a", best: float = 0.95, chosen: float = 0.93, **changes: Any) -> Circuits:
    counts = np.array([[1, 1, 2, 4, 30, 2e5], [1, 1, 1, 2, 8, 100]])
    given: dict[str, Any] = {
        "inputs": np.arange(1, 7), "minimum": np.minimum(counts, 12), "irredundant": counts,
        "scores": np.linspace(best, 0.5, 46), "chosen": chosen, "near": 0.02, "whole": 0.9,
        "names": ["A #3", "B #17", "C #4"],
        "ablated": np.array([[0.5, 0.7, 0.94], [0.9, 0.9, 0.95], [0.6, 0.8, np.nan]]),
    }  # fmt: skip
    return Circuits(title, **{**given, **changes})


def test_all_is_legible_for_one_network_and_for_two() -> None:
    assert_printable(circuits([found()], "balanced accuracy"))
    names = [f"{letter} features.12 #{n}" for n, letter in enumerate("ABCDEFGHIJKL")]
    assert_printable(circuits([found(), found("eight in b", names=names, ablated=np.full((12, 3), 0.7))], "accuracy"))


def test_circuits_near_the_chosen_one_are_counted() -> None:
    drawn = words(circuits([found(), found("eight in b", best=0.92)], "accuracy"))
    assert "5 of 46 within 2 % of chosen" in drawn
    assert "2 of 46 within 2 % of chosen" in drawn


def test_every_mark_of_an_input_is_there() -> None:
    figure = circuits([found()], "accuracy")
    (axes,) = (one for one in figure.axes if one.get_title(loc="left") == "one input taken away")
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    np.testing.assert_array_equal(np.stack([line.get_xdata() for line in marks], axis=1), found().ablated)
    low, high = axes.get_xlim()
    assert low < 0.5
    assert high > 0.95


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: circuits([found()], "accuracy"), tmp_path)


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no circuits to draw"):
        circuits([], "accuracy")
