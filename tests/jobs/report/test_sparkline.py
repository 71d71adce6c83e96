"""Training curves the size of a word."""

import math

from jobs.report.sparkline import EDGE, HEIGHT, WIDTH, TrainingCurve, sparkline


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_accuracy_runs_from_the_bottom_to_the_top_over_the_whole_width() -> None:
    line = sparkline(TrainingCurve([0.0, 0.5, 1.0], [0.25, 0.75]))
    assert points(line.train) == [(EDGE, HEIGHT - EDGE), (WIDTH / 2, HEIGHT / 2), (WIDTH - EDGE, EDGE)]
    assert [x for x, _ in points(line.test)] == [EDGE, WIDTH - EDGE]
    assert line.text == (
        "training accuracy 0.0% after epoch 1, 100.0% after epoch 3; "
        "test accuracy 25.0% after epoch 1, 75.0% after epoch 2"
    )


def test_an_undefined_epoch_leaves_the_others_where_they_are() -> None:
    line = sparkline(TrainingCurve([0.0, math.nan, 1.0]))
    assert points(line.train) == [(EDGE, HEIGHT - EDGE), (WIDTH - EDGE, EDGE)]
    assert line.test == ""
