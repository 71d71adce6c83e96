"""Training curves the size of a word."""

import math

from jobs.report.sparkline import EDGE, FINEST, HEIGHT, WIDTH, TrainingCurve, sparkline


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


def test_a_long_curve_keeps_its_course_in_fewer_points() -> None:
    line = points(sparkline(TrainingCurve([epoch / 9998 for epoch in range(9999)])).train)
    assert FINEST <= len(line) < 2 * FINEST
    assert line[0] == (EDGE, HEIGHT - EDGE)
    assert all(abs((x - EDGE) / (WIDTH - 2 * EDGE) - (HEIGHT - EDGE - y) / (HEIGHT - 2 * EDGE)) < 0.01 for x, y in line)
    assert line[-1][0] > WIDTH - EDGE - 0.5
