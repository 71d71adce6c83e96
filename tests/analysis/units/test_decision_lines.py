"""Decision lines: exact clipping in fractions agrees at corners and edges too; regions end where the lines are."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from analysis.units import decision_lines as module
from analysis.units.decision_lines import Box, class_probabilities, class_regions, decision_lines
from jobs.nets.mlp import mlp2d

BOX = Box(-1.0, 2.0, -2.0, 1.0)
# Few values, so that lines through corners and along edges are drawn often.
WHOLE = st.integers(-3, 3)
NUMBERS = st.floats(-4, 4, width=32)


def clipped(w: tuple[int, int], b: int) -> tuple[list[Fraction], list[Fraction]] | None:
    """Both ends of the line in the box (Liang & Barsky, 1984), the side w . x + b > 0 on the right of the walk."""
    square = w[0] ** 2 + w[1] ** 2
    if not square:
        return None
    start, step = [Fraction(-b * x, square) for x in w], (-w[1], w[0])
    low, high = Fraction(-100), Fraction(100)
    for at, by, bounds in zip(start, step, ((BOX.left, BOX.right), (BOX.bottom, BOX.top)), strict=True):
        if not by:
            if not bounds[0] <= at <= bounds[1]:
                return None
            continue
        ends = sorted((Fraction(bound) - at) / by for bound in bounds)
        low, high = max(low, ends[0]), min(high, ends[1])
    if low > high:
        return None
    first, last = ([at + t * by for at, by in zip(start, step, strict=True)] for t in (low, high))
    return first, last


@settings(max_examples=300, deadline=None)
@given(WHOLE, WHOLE, WHOLE)
def test_exact_clipping_agrees(wx: int, wy: int, b: int) -> None:
    found = decision_lines(np.array([[wx, wy]], np.float64), np.array([b], np.float64), BOX)[0]
    expected = clipped((wx, wy), b)
    if expected is None:
        assert np.isnan(found).all()
    else:
        np.testing.assert_allclose(found, np.array(expected, dtype=np.float64), atol=1e-14)


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_ends_lie_on_the_line_and_on_the_border(wx: float, wy: float, b: float) -> None:
    weights, bias = np.array([[wx, wy]], np.float32), np.array([b], np.float32)
    ends = decision_lines(weights, bias, BOX)[0]
    if np.isnan(ends).any():
        at_corners = BOX.corners() @ weights[0].astype(np.float64) + float(bias[0])
        assert (at_corners > 0).all() or (at_corners < 0).all() or not weights.any()
        return
    size = np.abs(weights).sum() * np.abs(ends).max() + abs(b)
    np.testing.assert_array_less(np.abs(ends @ weights[0].astype(np.float64) + b), 1e-14 * size + 1e-300)
    borders = np.stack([ends[:, 0] - BOX.left, BOX.right - ends[:, 0], ends[:, 1] - BOX.bottom, BOX.top - ends[:, 1]])
    assert borders.min() > -1e-14
    assert np.abs(borders).min(axis=0).max() < 1e-14


def test_units_do_not_touch_each_other() -> None:
    generator = np.random.default_rng(0)
    weights, bias = generator.normal(size=(20, 2)), generator.normal(size=20)
    alone = [decision_lines(weights[[unit]], bias[[unit]], BOX)[0] for unit in range(20)]
    np.testing.assert_array_equal(decision_lines(weights, bias, BOX), alone)
    assert decision_lines(weights[:0], bias[:0], BOX).shape == (0, 2, 2)


def one_line(w: tuple[float, float], b: float) -> nn.Module:
    """Class 1 where w . x + b > 0."""
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0, 0.0], w]))
        net.bias.copy_(torch.tensor([0.0, b]))
    return net


def test_regions_end_at_the_line() -> None:
    w, b = (1.0, -2.0), 0.3
    regions = class_regions(one_line(w, b), BOX, 30)
    centers = BOX.centers(30)
    np.testing.assert_array_equal(regions, centers @ np.array(w) + b > 0)
    first, last = decision_lines(np.array([w]), np.array([b]), BOX)[0]
    step, offset = last - first, centers - first
    right_of_the_walk = step[1] * offset[..., 0] - step[0] * offset[..., 1] > 0
    np.testing.assert_array_equal(regions, right_of_the_walk)


def test_rows_rise_with_y_and_columns_with_x() -> None:
    centers = BOX.centers(3)
    np.testing.assert_allclose(centers[0, :, 0], [-0.5, 0.5, 1.5])
    np.testing.assert_allclose(centers[:, 0, 1], [-1.5, -0.5, 0.5])


def test_probabilities_are_those_of_each_point_in_any_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = mlp2d((1, 1, 2), 3)
    found = class_probabilities(net, BOX, 7)
    monkeypatch.setattr(module, "POINTS", 10)
    np.testing.assert_allclose(class_probabilities(net, BOX, 7), found, atol=1e-6)
    np.testing.assert_allclose(found.sum(2), 1, rtol=1e-12)
    np.testing.assert_array_equal(class_regions(net, BOX, 7), found.argmax(2))
    expected = net(torch.tensor(BOX.centers(7)[4, 2], dtype=torch.float32)[None]).softmax(1)
    np.testing.assert_allclose(found[4, 2], expected.detach().numpy()[0], rtol=1e-5)


def test_the_net_is_left_as_it_was() -> None:
    net = nn.Sequential(one_line((1.0, 1.0), 0.0), nn.BatchNorm1d(2), nn.Dropout(0.9)).double()
    net[2].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    regions = class_regions(net, BOX, 5)
    np.testing.assert_array_equal(regions, BOX.centers(5).sum(2) > 0)
    assert [part.training for part in net.modules()] == [True, True, True, False]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("sides", [(1.0, 1.0, 0.0, 1.0), (0.0, 1.0, 2.0, 1.0), (0.0, float("nan"), 0.0, 1.0)])
def test_a_box_without_area_is_refused(sides: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="has no area"):
        Box(*sides)


def test_a_resolution_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution is 0"):
        BOX.centers(0)
