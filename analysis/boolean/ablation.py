"""Is a circuit distributed over its inputs? What it loses without each one, as it stands and made anew."""

from dataclasses import dataclass

import numpy as np

from analysis.boolean.circuits import Circuit, circuits
from analysis.boolean.fidelity import Fidelity, fidelity
from analysis.boolean.formula import Formula
from analysis.boolean.terms import bit_of
from analysis.boolean.truth_table import Counts


@dataclass(frozen=True)
class Ablation:
    """One input taken away, on held-out images."""

    place: int
    silenced: Fidelity
    """Of the same formula with this input always off, as in a network whose unit is silenced."""
    without: Circuit
    """The first minimum formula of the other inputs, made anew without it; over the same places, this one unused."""


def ablations(
    formula: Formula,
    seen: Counts,
    held_out: Counts,
    *,
    share: float = 0.5,
) -> tuple[Ablation, ...]:
    """Of every input of a formula over these counts' inputs, in order. ValueError for other counts, or one input.

    The best circuit of a whole pool without one unit is `analysis.boolean.circuits.best_without`.
    """
    if formula.inputs != seen.inputs or seen.inputs < 2:
        raise ValueError(
            f"The formula has {formula.inputs} inputs, the counts {seen.inputs}; give the same, at least 2."
        )
    found = []
    for place in range(seen.inputs):
        others = [other for other in range(seen.inputs) if other != place]
        (without,) = circuits(seen, held_out, [others], share=share, form=formula.form, limit=1).circuits
        found.append(Ablation(place, fidelity(_silenced(formula, place), held_out), without))
    return tuple(found)


def carriers(losses: np.ndarray) -> float:
    """Over how many inputs a circuit is spread: (sum of losses)^2 / sum of squares, their participation ratio.

    1 where a single input carries all, the number of inputs where each carries as much; losses below 0 count as 0. NaN
    where none loses anything.
    """
    losses = np.maximum(losses, 0.0)
    squares = float((losses**2).sum())
    return float(losses.sum()) ** 2 / squares if squares else float("nan")


def _silenced(formula: Formula, place: int) -> np.ndarray:
    codes = np.arange(2**formula.inputs)
    return formula.truth()[codes & ~bit_of(place, formula.inputs)]
