"""Figures of populations: arms, weights step by step, glass and cooling print whole; what cannot be is refused."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.figures.arms import Arms, arms
from jobs.figures.cooling import Cooling, cooling
from jobs.figures.glass import Population, population
from jobs.figures.log_ticks import plainly
from jobs.figures.weight_steps import WeightSteps, weight_steps
from tests.jobs.figures.printed import assert_printable, words


def draws(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2.0, size=shape)


def panel(title: str, names: int = 4, seeds: int = 5) -> Arms:
    values = draws(names, names, seeds)
    every = ["first phase", "DSD", "no mask", "one schedule", "fifth", "sixth"][:names]
    return Arms(title, every, values, np.stack([values.min(1), values.max(1)], 1), "test error in %")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_arms_print_whole_and_hold_every_training(count: int) -> None:
    shown = [panel(f"net{number}") for number in range(count)]
    figure = arms(shown)
    assert_printable(figure)
    for axes, one in zip(figure.axes, shown, strict=True):
        drawn = {tuple(np.atleast_1d(line.get_ydata())) for line in axes.lines}
        assert {tuple(values) for values in one.values} <= drawn, "the dots of an arm"
        assert {tuple(values) for values in one.values.T} <= drawn, "the line of a seed"


def test_a_single_seed_has_dots_alone() -> None:
    one = replace(panel("a", 2, 1), intervals=np.full((2, 2), np.nan))
    assert_printable(arms([one]))


def weights(title: str) -> WeightSteps:
    counts = np.random.default_rng(0).integers(1, 50, size=(5, 21))
    counts[3, 10] = 900
    return WeightSteps(
        title, "decoder.cell.weight_ih", counts, np.linspace(-1, 1, 22), np.array([0, 0.3, 0.3, 0.3, 0.01])
    )


STEPS = ("trained", "pruned", "trained without them", "zeros come back", "trained again")


def test_weights_stand_in_a_grid_and_only_the_spike_is_cut_off() -> None:
    figure = weight_steps([weights("lenet5"), weights("translator")], STEPS)
    assert_printable(figure)
    assert len(figure.axes) == 10
    top = figure.axes[0].get_ylim()[1]
    assert 50 < top < 900
    said = words(figure)
    assert said.count("30 % zero") == 6
    assert "1 % zero" in said


def test_a_population_prints_whole() -> None:
    lines = 0.1 + np.sin(np.linspace(0, np.pi, 11)) * draws(0, 6, 1)
    found = Population(
        draws(1, 12) * 0.03, np.log(10), {"as they are": draws(2, 6) * 0.01, "aligned": draws(3, 6) * 0.2,
        "untrained,\naligned": draws(4, 6) * 0.05}, np.linspace(0, 1, 11),
        {"as they are": lines, "aligned": lines / 4},
        {"the same": draws(5, 66) / 2, "expected of\nindependent\nmistakes": draws(6, 66) / 2,
         "mistakes\nin common": draws(7, 66) / 3},
    )  # fmt: skip
    figure = population(found)
    assert_printable(figure)
    assert "Where each one ends" in [axes.get_title(loc="left") for axes in figure.axes]
    with pytest.raises(ValueError, match="There are 1 networks; a population needs at least two"):
        population(replace(found, losses=found.losses[:1]))


def test_a_cooling_prints_whole_even_where_nothing_freezes() -> None:
    temperature = np.geomspace(0.1, 1e-4, 8)
    rates = [
        Cooling(label, name, dwell=2, relaxation=np.where(temperature > 0.01, draws(7, 3, 8), np.inf),
                energy=draws(3, 3, 8), fluctuation=draws(8, 3, 8) / 100,
                transition=np.array([np.inf, 0.0, np.inf]) if number else draws(4, 3) / 20, final=draws(5, 3) / 1e3,
                test=draws(6, 3) / 10, forgotten=temperature * draws(1, 3, 8), mobility=temperature**2 * draws(2, 3, 8))
        for number, (label, name) in enumerate((("1", "1 epoch each"), ("2", "2 epochs each"), ("4", "4 epochs each"),
                                                ("control", "control: hot, then fast")))
    ]  # fmt: skip
    figure = cooling(rates, temperature, 0.99)
    assert_printable(figure)
    assert words(figure).count("none") == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01, "0.01"), (1.0, "1"), (2e-5, "2e\N{MINUS SIGN}5"), (1e-10, "1e\N{MINUS SIGN}10"), (0.5, "0.5")],
)
def test_powers_are_written_plainly(value: float, text: str) -> None:
    assert plainly(value) == text


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="There are no arms to draw"):
        arms([])
    with pytest.raises(ValueError, match=r"Panel 'a' has values \(4, 5\) for 3 arms; give a row an arm"):
        arms([replace(panel("a"), arms=["x", "y", "z"])])
    with pytest.raises(ValueError, match="There are no weights to draw"):
        weight_steps([], STEPS)
    with pytest.raises(ValueError, match=r"has counts \(5, 21\) for 1 steps and 22 edges; give a row a step"):
        weight_steps([weights("a")], STEPS[:1])
    with pytest.raises(ValueError, match="There are no coolings to draw"):
        cooling([], np.ones(3), 0.9)
