"""Evidence and reliability: bars add up from prior to posterior, points lie where their bins do."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from analysis.boolean.calibration import reliability
from analysis.boolean.explanation import Explanation
from jobs.figures.evidence import Evidence, evidence
from jobs.figures.reliability import Model, reliability_diagram
from jobs.figures.style import BLUE, SOFT, VERMILION
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, drawn_texts, pictures, words

STREP = Explanation(-2.94, np.array([1.98, 0.31, -1.71, 0.0]))
FINDINGS = ["x on", "y on", "z on", "u not seen"]


def test_bars_lead_from_the_prior_to_the_posterior() -> None:
    figure = evidence([Evidence("strep", STREP, FINDINGS)])
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    assert ends[0] == pytest.approx((0, -2.94))
    assert ends[-1] == pytest.approx((0, STREP.posterior))
    for (_, before), (start, end), change in zip(ends, ends[1:-1], STREP.evidence, strict=False):
        assert start == pytest.approx(before)
        assert end - start == pytest.approx(change)
    assert [to_hex(bar.get_facecolor()) for bar in bars[1:5]] == [BLUE, BLUE, VERMILION, SOFT]
    assert {"prior", "posterior", "5 %", "9 %", "+1.98", "\N{MINUS SIGN}1.71", "0", *FINDINGS} <= set(words(figure))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_panels_share_one_scale_and_print(count: int) -> None:
    names = [f"conv4 #{number}: a wheel or a face, on" for number in range(9)]
    shown = [
        Evidence(f"model {number}", Explanation(-2.0 * number, np.linspace(-1, 2, 9)), names) for number in range(count)
    ]
    figure = evidence(shown)
    assert_printable(figure)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_the_image_stands_above_the_scale() -> None:
    photograph = np.full((40, 60, 3), 90, np.uint8)
    names = [f"#{number} on" for number in range(4)]
    one = Evidence("dog? naive Bayes", Explanation(-6.0, np.array([2.0, 9.0, -1.0, 3.0])), names, photograph)
    figure = evidence([one, one])
    assert_printable(figure)
    assert len(pictures(figure)) == 2
    for image in pictures(figure):
        above = image.axes.get_window_extent().y0
        assert all(text.get_window_extent().y1 <= above for text in drawn_texts(figure) if "%" in text.get_text())


@pytest.mark.parametrize(
    ("odds", "text"),
    [
        (9.3, "99.991 %"),
        (-9.3, "0.009 %"),
        (0.0, "50 %"),
        (-40.0, "< 0.0001 %"),
        (40.0, "> 99.9999 %"),
        (-4.6, "1.0 %"),
    ],
)
def test_near_certainty_keeps_its_digits(odds: float, text: str) -> None:
    assert text in words(evidence([Evidence("t", Explanation(odds, np.zeros(1)), ["x"])]))


def test_other_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no evidence to draw"):
        evidence([])
    with pytest.raises(ValueError, match="strep has 4 pieces of evidence and 2 findings; give a name for each"):
        evidence([Evidence("strep", STREP, FINDINGS[:2])])
    with pytest.raises(ValueError, match="strep is certain, with infinite evidence"):
        evidence([Evidence("strep", Explanation(0.0, np.array([np.inf])), ["x"])])


def models(count: int) -> list[Model]:
    generator = np.random.default_rng(0)
    predicted = generator.random(300)
    return [Model(f"model {n}", reliability(predicted, generator.random(300) < predicted)) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_points_lie_where_predictions_came_true(count: int) -> None:
    shown = models(count)
    figure = reliability_diagram(shown)
    assert_printable(figure)
    assert len(figure.axes) == 2 * count
    for model, upper, lower in zip(shown, figure.axes[::2], figure.axes[1::2], strict=True):
        points = upper.lines[-1].get_xydata()
        np.testing.assert_allclose(
            np.asarray(points), np.column_stack([model.reliability.mean_predicted(), model.reliability.share()])
        )
        heights = [patch.get_height() for patch in lower.patches if isinstance(patch, Rectangle)]
        assert heights == model.reliability.images.tolist()
        box = upper.get_window_extent()
        assert box.width == pytest.approx(box.height)
        assert f"ECE {model.reliability.expected_error():.3f}, Brier {model.reliability.brier():.3f}" in words(figure)


def test_models_without_predictions_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no predictions to draw"):
        reliability_diagram([])
    with pytest.raises(ValueError, match="empty has predicted no image; leave it out"):
        reliability_diagram([Model("empty", reliability(np.zeros(0), np.zeros(0, bool)))])


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: evidence([Evidence("strep", STREP, FINDINGS)]), tmp_path / "evidence")
    assert_same_bytes(lambda: reliability_diagram(models(2)), tmp_path / "reliability")
