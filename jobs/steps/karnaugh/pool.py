"""The candidate inputs of one target: thresholds, bits and mutual information, all from the images of the fit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.boolean.binarize import gain_thresholds, on, quantile_thresholds
from analysis.boolean.information import chosen_inputs, mutual_information
from analysis.boolean.minimize import EXACT_INPUTS
from analysis.boolean.truth_table import Counts, counts
from jobs.errors import UserError
from jobs.steps.karnaugh.options import KarnaughOptions
from jobs.steps.karnaugh.targets import OPTION, Members, has_target, is_known
from jobs.steps.karnaugh.unit_values import Values

FIT_GROUPS = 12
"""Of the 16 groups of images those that thresholds, inputs and tables are made of; the others are held out."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Units in the order in which they are inputs: the first k are the circuit that is drawn."""

    layers: tuple[str, ...]
    channels: Int[np.ndarray, " units"]
    thresholds: Float[np.ndarray, " units"]
    information: Float[np.ndarray, " units"]
    """Of each alone about the target, in bits."""
    bits: Bool[np.ndarray, "images units"]
    target: Bool[np.ndarray, " images"]
    rows: Int[np.ndarray, " images"]
    labels: Int[np.ndarray, " images"]
    fit: Bool[np.ndarray, " images"]

    @property
    def seen(self) -> Counts:
        """Of the images of the fit."""
        return counts(self.bits[self.fit], self.target[self.fit])

    @property
    def held_out(self) -> Counts:
        """Of the others."""
        return counts(self.bits[~self.fit], self.target[~self.fit])


def pool(
    options: KarnaughOptions,
    found: Members,
    name: str,
    values: Values,
    layers: tuple[str, ...],
    groups: Int[np.ndarray, " images"],
) -> Pool:
    """Of one target among the units of these layers; `groups` are the images' own, 0 to 15.

    UserError where a side has no image with the target, or none without.
    """
    known, fit = is_known(options, name, values), groups < FIT_GROUPS
    unit = options.targets[name].unit
    own = values.layers[unit[0]][:, unit[1]] if unit else np.zeros(0)
    threshold = float(quantile_thresholds(own[fit, None], options.quantile)[0]) if unit and fit.any() else 0.0
    target = has_target(options, found, name, values, threshold)
    _require_both(name, target, fit & known, ~fit & known)
    columns = {layer: values.layers[layer] for layer in layers}
    thresholds, bits = _binary(options, columns, target, fit & known)
    information = mutual_information(bits[fit & known], target[fit & known])
    order = _order(options, layers, columns, bits[fit & known], target[fit & known], information)
    places = [(layer, channel) for layer, column in columns.items() for channel in range(column.shape[1])]
    return Pool(
        tuple(places[unit][0] for unit in order),
        np.array([places[unit][1] for unit in order]),
        thresholds[order], information[order], bits[known][:, order], target[known], values.rows[known],
        values.labels[known], fit[known],
    )  # fmt: skip


def _binary(
    options: KarnaughOptions, columns: dict[str, np.ndarray], target: np.ndarray, fit: np.ndarray
) -> tuple[Float[np.ndarray, " units"], Bool[np.ndarray, "images units"]]:
    """Layer by layer, so that no more than one layer is sorted at a time."""
    thresholds, bits = [], []
    for column in columns.values():
        if options.thresholds == "gain":
            edges = gain_thresholds(column[fit], target[fit])[0]
        else:
            edges = quantile_thresholds(column[fit], options.quantile)
        thresholds.append(edges)
        bits.append(on(column, edges))
    return np.concatenate(thresholds), np.concatenate(bits, axis=1)


def _order(
    options: KarnaughOptions, layers: tuple[str, ...], columns: dict[str, np.ndarray], bits: np.ndarray,
    target: np.ndarray, information: np.ndarray,
) -> list[int]:  # fmt: skip
    """The inputs given, or those that tell most together; then those that tell most alone.

    Together six are chosen where k is less: the number of formulas is followed to six inputs. Beyond, hardly a cell
    holds two images and what a unit adds says nothing.
    """
    starts = dict(zip(layers, np.cumsum([0, *(column.shape[1] for column in columns.values())]), strict=False))
    if options.inputs is not None:
        first = [int(starts[layer]) + channel for layer, channel in options.inputs]
    else:
        count = min(max(options.k, EXACT_INPUTS), options.pool, bits.shape[1])
        first = [int(unit) for unit in chosen_inputs(bits, target, count, options.choice)]
    then = [int(unit) for unit in np.argsort(-information, kind="stable") if unit not in first]
    return [*first, *then][: options.pool]


def _require_both(name: str, target: np.ndarray, fit: np.ndarray, held: np.ndarray) -> None:
    for side, mask in (("fit", fit), ("held-out", held)):
        images, hits = int(mask.sum()), int(target[mask].sum())
        if not 0 < hits < images:
            raise UserError(
                f"{OPTION}.targets.{name}: {hits} of {images} {side} images have it; both sides need some with and "
                "some without: add images, or choose another target."
            )
