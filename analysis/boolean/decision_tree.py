"""What does a decision tree of the same size reach on the same binary inputs? (CART: Breiman et al., 1984)"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from analysis.boolean.formula import Formula
from analysis.boolean.terms import bit_of
from analysis.boolean.truth_table import Counts


@dataclass(frozen=True, eq=False)
class DecisionTree:
    """A tree's value at every code, and its size."""

    truth: Bool[np.ndarray, " codes"]
    tests: int
    """Inner nodes, each of which reads one input: to be compared with a formula's literals."""
    depth: int


def decision_tree(counts: Counts, tests: int, share: float = 0.5) -> DecisionTree:
    """The tree of at most so many tests, grown best first by entropy, on the images that the counts were made of.

    A leaf is true where more than `share` of its images have the target, as a cell of `Counts.table` is. A tie of two
    inputs is broken in a fixed way. Without images or tests: the constant. ValueError for a negative number of tests.
    """
    from sklearn.tree import DecisionTreeClassifier  # type: ignore[import-untyped]

    if tests < 0:
        raise ValueError(f"A tree of {tests} tests was asked for; give 0 or more.")
    codes = np.arange(2**counts.inputs)
    if not tests or not counts.seen.any():
        return DecisionTree(np.full(len(codes), counts.base_rate > share), 0, 0)
    bits = codes[:, None] & np.array([bit_of(place, counts.inputs) for place in range(counts.inputs)]) > 0
    weights = np.concatenate([counts.negatives, counts.positives]).astype(np.float64)
    seen = weights > 0
    labels = np.repeat([False, True], len(codes))
    model = DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=tests + 1, random_state=0)
    model.fit(np.concatenate([bits, bits])[seen], labels[seen], weights[seen])
    with_target = model.predict_proba(bits) @ model.classes_.astype(np.float64)
    return DecisionTree(with_target > share, int(model.get_n_leaves()) - 1, int(model.get_depth()))


def tree_of_size(formula: Formula, counts: Counts, share: float = 0.5) -> DecisionTree:
    """The tree that may test as many inputs as the formula has literals."""
    return decision_tree(counts, formula.literals, share)
