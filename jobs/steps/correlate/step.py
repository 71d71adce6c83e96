"""Correlate every channel of one network with every channel of another, and match them (Li et al., 2016).

One pass over the images gives, for each pair of layers, the correlations within both networks, between them, and
between them with the second network's images permuted, which is what chance alone would show (arXiv:1511.07543).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from analysis.comoments import SUMMED, Accumulator, Comoments, Pair
from jobs.steps.correlate.datasets import numbers
from jobs.steps.layer_pairs import PAIRS, Asked, LayerPair, layer_pairs, pair_name, same_positions, two_nets
from jobs.steps.step import Arrays, Batch, Needs, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


class CorrelateOptions(BaseModel):
    """Which networks and layers, and how to match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, str] | None = Field(None, description="Two networks of the study (default: its first two).")
    pairs: Asked = Field("same", description=PAIRS)
    absolute: bool = Field(False, description="Match by |rho| instead of rho.")
    draws: int = Field(1000, ge=100, description="Bootstrap draws an interval.")
    thresholds: int = Field(101, ge=2, description="Thresholds from 0 to 1 of the Hopcroft-Karp curve.")
    subspaces: int | None = Field(
        None,
        ge=2,
        description="Groups of channels of both networks that span the same subspace, by spectral clustering.",
    )


@dataclass(frozen=True)
class Correlate:
    """Bound to a plan: the pairs are `net/layer` keys."""

    options: CorrelateOptions
    nets: tuple[str, str]
    pairs: tuple[LayerPair, ...]

    name: ClassVar[str] = "correlate"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: CorrelateOptions, plan: "Plan") -> "Correlate":
        """Resolve names against the plan; UserError where a network, a layer or equal positions are missing."""
        nets = two_nets(options.nets, plan, cls.name)
        remedy = "set extract.positions to mean or center"
        return cls(options, nets, layer_pairs(options.pairs, nets, plan, cls.name, same_positions(plan), remedy))

    def identity(self) -> dict[str, Any]:
        """The pairs and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "pairs"}, exclude_none=True)
        return {"pairs": self.pairs, **options}

    def needs(self) -> Needs:
        """Samples of all layers that are paired."""
        return Needs(samples=frozenset(layer for pair in self.pairs for layer in pair))

    def blocks(self, groups: int) -> dict[Pair, int]:
        """Every block of cross-products with the groups it keeps: intervals need them between the networks alone."""
        between = {Pair(x, y): groups for x, y in self.pairs}
        within = {Pair(layer, layer): 1 for layer in sorted(self.needs().samples)}
        permuted = {Pair(x, y, permuted=True): 1 for x, y in self.pairs}
        return within | permuted | between

    def result_bytes(self, plan: "Plan") -> int:
        """Float64 sums of all blocks, by group."""
        sizes = [
            (count, plan.units_of(block.x), plan.units_of(block.y)) for block, count in self.blocks(plan.groups).items()
        ]
        return 8 * sum(count * (x * y + 2 * (x + y) + 1) for count, x, y in sizes)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """As many pairs to a block as fit."""
        parts: list[Correlate] = []
        for pair in self.pairs:
            grown = replace(parts[-1], pairs=(*parts[-1].pairs, pair)) if parts else None
            if grown and grown.result_bytes(plan) <= limit_bytes:
                parts[-1] = grown
            else:
                parts.append(replace(self, pairs=(pair,)))
        return list(parts)

    def reducer(self, plan: "Plan") -> "Sums":
        """Sums of one unit."""
        return Sums(self, plan)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Sums add."""
        return {name: left[name] + right[name] for name in left}

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """One dataset a pair of layers, named by the layer, or by both where they differ."""
        results = {}
        for x, y in self.pairs:
            between, permuted = (_restored(arrays, plan, Pair(x, y, p)) for p in (False, True))
            within_a, within_b = (_restored(arrays, plan, Pair(layer, layer)) for layer in (x, y))
            dataset = numbers(between, permuted, within_a, within_b, self.options, plan.seed)
            a, b = (layer.partition("/")[2] for layer in (x, y))
            dataset.attrs.update(net_a=self.nets[0], net_b=self.nets[1], layer_a=a, layer_b=b)
            results[pair_name((x, y))] = dataset
        return results

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> "Presentation":
        """Matrices, sorted correlations, pairing curves, matched filters and the table of layers."""
        from jobs.steps.correlate.plates import presentation

        return presentation(plan, results, views)


class Sums:
    """Running comoments of one unit."""

    def __init__(self, step: Correlate, plan: "Plan"):
        pivots = {layer: plan.pivot(layer) for layer in step.needs().samples}
        self.accumulator = Accumulator(step.blocks(plan.groups), pivots)

    def update(self, batch: Batch) -> None:
        """Add a batch's samples."""
        self.accumulator.add(batch.samples, batch.groups)

    def arrays(self) -> Arrays:
        """Every sum by block and field; pivots stay in the plan."""
        found = self.accumulator.comoments()
        return {_place(pair, name): getattr(found[pair], name) for pair in found for name in SUMMED}


def _place(pair: Pair, name: str) -> str:
    return f"{pair.x}|{pair.y}|{'permuted' if pair.permuted else 'aligned'}|{name}"


def _restored(arrays: Arrays, plan: "Plan", pair: Pair) -> Comoments:
    sums = {name: arrays[_place(pair, name)] for name in SUMMED}
    return Comoments(pivot_x=plan.pivot(pair.x), pivot_y=plan.pivot(pair.y), **sums)
