"""Do networks converge from the bottom up? Every layer through training against every layer at the end.

A pane is one checkpoint: x are the layers at the end of training, y the layers at that time. Its diagonal says how near
each layer is to what it becomes (Raghu et al., 2017, arXiv:1706.05806, section 4.1). Checkpoints are those that
`train.checkpoints` keeps, or files.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.similarity.measures import MEASURES, MeasureName
from jobs.errors import UserError
from jobs.steps.compare.options import BY_FREQUENCY
from jobs.steps.dynamics.datasets import over_seeds, through_training
from jobs.steps.layer_pairs import LayerPair, require_net
from jobs.steps.pairwise import Fourier, OverPairs, Pairwise, comparable, require_chance
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

OVER_SEEDS = "over seeds"
"""The dataset of what networks of one architecture have in common."""


class DynamicsOptions(BaseModel):
    """Which networks, which measure, and what is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(
        None, min_length=1, description="Networks with checkpoints (default: all that have them)."
    )
    measure: MeasureName = Field("svcca", description="A measure that follows from sums over images.")
    variance: float = Field(0.99, gt=0, le=1, description="Share of each layer's variance that SVCCA keeps.")
    rule: Literal["squared", "unsquared"] = Field("squared", description="As in compare.")
    fourier: Fourier = Field(False, description="As in compare; layers of different size need a number.")
    threshold: float = Field(
        0.9, gt=0, lt=1, description="Share of its last similarity at which a layer has converged."
    )
    panes: tuple[float, ...] = Field(
        (0.0, 35.0, 75.0, 100.0), min_length=1, description="Percent of training that panes show: nearest checkpoints."
    )
    draws: int = Field(100, ge=100, description="Bootstrap draws an interval.")

    @model_validator(mode="after")
    def _from_sums(self) -> "DynamicsOptions":
        if MEASURES[self.measure].reads != "comoments" or MEASURES[self.measure].kind != "similarity":
            raise ValueError(f"measure: {self.measure} is no similarity from sums; choose svcca, cca, pwcca or cka")
        if self.fourier is not False and self.measure not in BY_FREQUENCY:
            raise ValueError(f"fourier: {self.measure} is not taken by frequency; choose svcca or cca")
        return self


@dataclass(frozen=True)
class Dynamics(OverPairs):
    """Bound to a plan: pairs are a layer of a checkpoint and a layer of the network at the end."""

    options: DynamicsOptions
    nets: tuple[str, ...]
    seed: int = 0

    name: ClassVar[str] = "dynamics"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: DynamicsOptions, plan: "Plan") -> "Dynamics":
        """Resolve names against the plan; UserError where a network or its checkpoints are missing."""
        require_chance(plan, cls.name)
        nets = options.nets or tuple(net for net in plan.studied() if plan.checkpoints_of(net))
        if not nets:
            raise UserError(
                "steps.dynamics: no network has checkpoints: add train.checkpoints, as [0, 1, 2, 4], or checkpoints "
                "with files."
            )
        for net in nets:
            require_net(net, plan, "steps.dynamics.nets")
            if not plan.checkpoints_of(net):
                raise UserError(
                    f"steps.dynamics: {net} has no checkpoints; add nets.{net}.train.checkpoints, as [0, 1, 2, 4]."
                )
        pairs = tuple(pair for net in nets for pair in _pairs(net, plan, options.fourier))
        return cls(Pairwise(pairs, options.fourier), options, nets, plan.seed)

    def identity(self) -> dict[str, Any]:
        """The pairs and every option that changes a number."""
        return {**self.sums.identity(), **self.options.model_dump(mode="json", exclude={"nets", "panes", "fourier"})}

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """A dataset a network, and one of the networks of each architecture together."""
        joints = self.sums.joints(plan, arrays)
        found = {net: through_training(self, plan, net, joints) for net in self.nets}
        return found | {OVER_SEEDS: over_seeds(plan, found)}

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Panes, convergence curves, the table of layers and the rank correlation with depth."""
        from jobs.steps.dynamics.plates import presentation

        return presentation(self, plan, results)


def _pairs(net: str, plan: "Plan", fourier: Fourier) -> list[LayerPair]:
    """Every layer of every checkpoint with every layer at the end, where both can be compared."""
    compares, _ = comparable(plan, fourier)
    layers = plan.layers_of(net)
    every = [(f"{at}/{y}", f"{net}/{x}") for at in plan.checkpoints_of(net).values() for y in layers for x in layers]
    return [pair for pair in every if compares(*pair)]
