"""Directions of layers that later steps take for units: found in a pass of their own, before the step that asks.

`from: pca` needs one network. `svcca` gives directions that two networks share, one of each for every index; `cluster`
what the channels of a group have in common that spectral clustering found in both networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from analysis.similarity.cca import canonical
from analysis.similarity.joint import Covariances
from analysis.similarity.spectral import subspaces
from analysis.units.directions import group_directions, pointing, principal_directions
from jobs.errors import UserError
from jobs.steps.layer_pairs import LayerPair, layer_pairs, pair_name, same_positions
from jobs.steps.pairwise import OverPairs, Pairwise
from jobs.steps.presentation import Presentation
from jobs.steps.step import Arrays, Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views


Index = Annotated[int, Field(ge=0)]


class DirectionOptions(BaseModel):
    """Which directions of a layer are looked at in place of its channels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Literal["svcca", "pca", "cluster"] = Field(
        alias="from", description="Shared by two networks, of largest variance, or of a group of channels."
    )
    index: Index | Annotated[tuple[Index, ...], Field(min_length=1)] = Field(
        0, description="Which of them, from 0; one or a list."
    )
    variance: float = Field(0.99, gt=0, le=1, description="Share of the variance that SVCCA keeps.")
    groups: int = Field(8, ge=2, description="Groups of channels of both networks that `cluster` makes.")

    @property
    def indices(self) -> tuple[int, ...]:
        """All of them, as a list."""
        return (self.index,) if isinstance(self.index, int) else self.index


@dataclass(frozen=True)
class UnitDirections(OverPairs):
    """Bound to a plan: of every pair of layers, or of a layer with itself."""

    options: DirectionOptions
    seed: int = 0

    name: ClassVar[str] = "directions"
    version: ClassVar[int] = 1

    @classmethod
    def bind(
        cls, options: DirectionOptions, nets: tuple[str, ...], layers: tuple[str, ...], plan: "Plan", step: str
    ) -> "UnitDirections":
        """For `net/layer` keys; UserError for directions that there cannot be, and where two networks are needed."""
        if options.origin == "pca":
            pairs: tuple[LayerPair, ...] = tuple((layer, layer) for layer in layers)
        else:
            pairs = _counterparts(options, nets, layers, plan, step)
        for pair in pairs:
            there = options.groups if options.origin == "cluster" else min(plan.units_of(layer) for layer in pair)
            if max(options.indices) >= there:
                raise UserError(
                    f"steps.{step}.direction.index: {max(options.indices)} is not in {_named(pair)}, where "
                    f"{options.origin} finds at most {there}: ask for 0 to {there - 1}."
                )
        return cls(Pairwise(pairs), options, plan.seed)

    def identity(self) -> dict[str, Any]:
        """Pairs and options."""
        return {**self.sums.identity(), **self.options.model_dump(mode="json")}

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a pair: weights (units, index) of each side and how strong each direction is."""
        joints = self.sums.joints(plan, arrays)
        found = {}
        for pair in self.sums.pairs:
            blocks = joints.joint(pair).covariances()
            assert isinstance(blocks, Covariances)
            name = pair_name(pair) if pair[0] != pair[1] else pair[0].replace("/", "--")  # two networks, one layer name
            found[name] = self._dataset(pair, blocks)
        return found

    def _dataset(self, pair: LayerPair, blocks: Covariances) -> xr.Dataset:
        try:
            found, strength = self._found(blocks)
        except ValueError as error:  # too few samples, or too few channels that vary
            raise UserError(f"{_named(pair)}: {error}") from error
        chosen = list(self.options.indices)
        if max(chosen) >= len(strength):
            raise UserError(
                f"{_named(pair)}: direction {max(chosen)} was asked for and {self.options.origin} finds "
                f"{len(strength)}: ask for fewer, or look at another layer."
            )
        sides = {
            side: ((f"units_{side}", "index"), weights[:, chosen]) for side, weights in zip("ab", found, strict=True)
        }
        return xr.Dataset(
            {**sides, "strength": ("index", strength[chosen])},
            coords={"index": chosen},
            attrs={"layer_a": pair[0], "layer_b": pair[1], "from": self.options.origin},
        )

    def _found(self, blocks: Covariances) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Weights of both sides, and the strength of every direction."""
        most = max(self.options.indices) + 1
        if self.options.origin == "pca":
            found = principal_directions(blocks.x, most)
            return (found.weights, found.weights), found.strength
        if self.options.origin == "svcca":
            shared = canonical(blocks.x, blocks.y, blocks.xy, blocks.samples, variance=self.options.variance)
            sign = pointing(shared.x)
            return (shared.x * sign, shared.y * sign), shared.coefficients
        return self._groups(blocks)

    def _groups(self, blocks: Covariances) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        scale_x, scale_y = (np.sqrt(np.diag(block)) for block in (blocks.x, blocks.y))
        with np.errstate(invalid="ignore", divide="ignore"):  # constant channels: NaN
            rho = [
                blocks.x / np.outer(scale_x, scale_x),
                blocks.xy / np.outer(scale_x, scale_y),
                blocks.y / np.outer(scale_y, scale_y),
            ]
        found = subspaces(rho[0], rho[1], rho[2], self.options.groups, self.seed)
        x, y = (
            group_directions(block, labels, self.options.groups)
            for block, labels in ((blocks.x, found.labels_x), (blocks.y, found.labels_y))
        )
        sign = np.where(np.einsum("ig,ij,jg->g", x.weights, blocks.xy, y.weights) < 0, -1.0, 1.0)
        strength = np.array([group.between for group in found.groups])
        return (x.weights, y.weights * sign), strength

    def present(self, _plan: "Plan", _results: Results, _views: "Views") -> Presentation:
        """Nothing: the step that asked draws them."""
        return Presentation()


def weights_by_layer(found: Results) -> Mapping[str, np.ndarray]:
    """Weights (channels, directions) of every `net/layer`."""
    weights = {}
    for dataset in found.values():
        weights[str(dataset.attrs["layer_b"])] = dataset["b"].values
        weights[str(dataset.attrs["layer_a"])] = dataset["a"].values
    return weights


def _counterparts(
    options: DirectionOptions, nets: tuple[str, ...], layers: tuple[str, ...], plan: "Plan", step: str
) -> tuple[LayerPair, ...]:
    """Layers of one network with those of the other, in order."""
    if len(nets) != 2:
        raise UserError(
            f"steps.{step}.direction: {options.origin} compares two networks and the step has {len(nets)}: "
            f"name two in steps.{step}.nets."
        )
    of_each = [[layer.partition("/")[2] for layer in layers if layer.startswith(f"{net}/")] for net in nets]
    if len(of_each[0]) != len(of_each[1]):
        raise UserError(f"steps.{step}.direction: {nets[0]} has {len(of_each[0])} such layers, {nets[1]} "
                        f"{len(of_each[1])}: name layers that both have in steps.{step}.layers.")  # fmt: skip
    asked = tuple(zip(*of_each, strict=True))
    remedy = "set extract.positions to mean or center"
    return layer_pairs(asked, (nets[0], nets[1]), plan, step, same_positions(plan), remedy)


def _named(pair: LayerPair) -> str:
    return " and ".join(dict.fromkeys(pair))
