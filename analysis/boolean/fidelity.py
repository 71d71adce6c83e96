"""How faithful is a formula to what it stands for? Judged on other images than it was made from, by their counts."""

from dataclasses import dataclass
from math import hypot, sqrt
from typing import Literal

import numpy as np
from jaxtyping import Bool

from analysis.boolean.formula import Formula
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import Counts

Score = Literal["accuracy", "balanced_accuracy"]


@dataclass(frozen=True)
class Fidelity:
    """Shares in 0-1; NaN where there is nothing to take a share of. Errors are standard errors, binomial."""

    images: int
    accuracy: float
    """Of images where formula and target agree."""
    accuracy_error: float
    balanced_accuracy: float
    """Mean of the accuracies with and without the target: 0.5 for a constant, however rare the target is."""
    balanced_accuracy_error: float
    precision: float
    """Of images where the formula is true, those with the target."""
    recall: float
    """Of images with the target, those where the formula is true."""

    def score(self, name: Score) -> float:
        """One of the two that circuits are judged by."""
        return self.accuracy if name == "accuracy" else self.balanced_accuracy

    def error(self, name: Score) -> float:
        """Its standard error."""
        return self.accuracy_error if name == "accuracy" else self.balanced_accuracy_error


@dataclass(frozen=True)
class TermFidelity:
    """What one term says; of a product, what its clause excludes."""

    term: Term
    images: int
    """Where the term holds."""
    precision: float
    """Of these, those with the target; of a product, those without."""
    recall: float
    """Of images with the target, those where the term holds; of a product, of those without."""


def fidelity(prediction: Bool[np.ndarray, " codes"], held_out: Counts) -> Fidelity:
    """Of a function's value at every code, as `Formula.truth` gives it."""
    images, target = int(held_out.seen.sum()), int(held_out.positives.sum())
    hits, false_alarms = int(held_out.positives[prediction].sum()), int(held_out.negatives[prediction].sum())
    rejected = images - target - false_alarms
    accuracy = _share(hits + rejected, images)
    recall, specificity = _share(hits, target), _share(rejected, images - target)
    return Fidelity(
        images,
        accuracy,
        _error(accuracy, images),
        (recall + specificity) / 2,
        hypot(_error(recall, target), _error(specificity, images - target)) / 2,
        _share(hits, hits + false_alarms),
        recall,
    )


def term_fidelities(formula: Formula, held_out: Counts) -> tuple[TermFidelity, ...]:
    """Of every term, in the formula's order; images under two terms count for both."""
    right = held_out.positives if formula.form == "sum" else held_out.negatives
    found = []
    for term in formula.terms:
        holds = term.truth(formula.inputs)
        hits, images = int(right[holds].sum()), int(held_out.seen[holds].sum())
        found.append(TermFidelity(term, images, _share(hits, images), _share(hits, int(right.sum()))))
    return tuple(found)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _error(share: float, images: int) -> float:
    return sqrt(share * (1 - share) / images) if images else float("nan")
