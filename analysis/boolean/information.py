"""Which units tell most about a target? Mutual information of binary units with a binary target, alone and jointly."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.boolean.terms import MOST_INPUTS

Choice = Literal["alone", "joint"]


def entropy(counts: Float[np.ndarray, "outcomes ..."]) -> Float[np.ndarray, "..."]:
    """Entropy of counts over their first axis, in bits; 0 without counts."""
    share = counts / np.maximum(counts.sum(0), 1e-300)
    return np.asarray(-(share * np.log2(np.where(share > 0, share, 1.0))).sum(0))


def mutual_information(
    bits: Bool[np.ndarray, "samples units"], target: Bool[np.ndarray, " samples"]
) -> Float[np.ndarray, " units"]:
    """Of every unit with the target, in bits: from 0 to the smaller of both entropies, at most 1.

    From the samples' own frequencies, which overrate it by about 0.72 / samples on average for a unit without any.
    """
    return _with_codes(bits, target, np.zeros(len(bits), np.int64))


def chosen_inputs(
    bits: Bool[np.ndarray, "samples units"],
    target: Bool[np.ndarray, " samples"],
    count: int,
    choice: Choice = "joint",
) -> Int[np.ndarray, " count"]:
    """The units that tell most about the target, best first; of equal ones the lowest number.

    `alone`: by their own mutual information, so that copies of a unit are all chosen. `joint`: each the one that adds
    most to what those before it tell together, I(chosen, unit; target). ValueError for more inputs than units or than
    a table can have.
    """
    most = min(bits.shape[1], MOST_INPUTS)
    if not 1 <= count <= most:
        raise ValueError(f"{count} inputs were asked for; give 1 to {most} of {bits.shape[1]} units.")
    if choice == "alone":
        return np.argsort(-mutual_information(bits, target), kind="stable")[:count]
    codes, chosen = np.zeros(len(bits), np.int64), np.empty(0, np.int64)
    while len(chosen) < count:
        information = np.round(_with_codes(bits, target, codes), 12)  # 12 digits: equal sums of another order are equal
        information[chosen] = -1.0
        chosen = np.append(chosen, np.argmax(information))
        codes = 2 * codes + bits[:, chosen[-1]]
    return chosen


def _with_codes(
    bits: Bool[np.ndarray, "samples units"], target: Bool[np.ndarray, " samples"], codes: Int[np.ndarray, " samples"]
) -> Float[np.ndarray, " units"]:
    """Mutual information of the target with a code and each unit together."""
    size, places = _numbered(codes)
    cells = 2 * places + target
    order = np.argsort(cells, kind="stable")
    held, starts, seen = np.unique(cells[order], return_index=True, return_counts=True)
    table = np.zeros((2, 2 * size, bits.shape[1]))
    table[1, held] = np.add.reduceat(bits[order].astype(np.int64), starts, axis=0)
    table[0, held] = seen[:, None] - table[1, held]
    table = table.reshape(2 * size, 2, -1)  # (bit and code, target, units)
    return entropy(table.sum(0)) + entropy(table.sum(1)) - entropy(table.reshape(4 * size, -1))


def _numbered(codes: Int[np.ndarray, " samples"]) -> tuple[int, Int[np.ndarray, " samples"]]:
    """How many codes there are, and the number of each sample's: most codes of many inputs are never seen."""
    held, places = np.unique(codes, return_inverse=True)
    return len(held), places
