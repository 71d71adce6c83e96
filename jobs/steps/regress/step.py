"""Predict every unit of one network from the units of another, by few of them or by all (Li et al., 2016, section 4).

Least squares, ridge and L1 over a path of penalties, fitted on three quarters of the groups of images and scored on the
rest: how much of a layer the other network holds, and how many of its units that takes (arXiv:1511.07543).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from jobs.errors import UserError
from jobs.steps.joint_sums import Joints
from jobs.steps.layer_pairs import PAIRS, Asked, layer_pairs, pair_name, two_nets
from jobs.steps.pairwise import OverPairs, Pairwise, comparable, require_chance
from jobs.steps.regress.datasets import numbers
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RegressOptions(BaseModel):
    """Which layers, and along which penalties."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, str] | None = Field(
        None, description="[predicted from, predicted]: two networks of the study (default: its first two)."
    )
    pairs: Asked = Field("same", description=PAIRS)
    penalties: tuple[Penalty, ...] = Field(
        (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003), min_length=1,
        description="L1 penalties: half the mean squared error + penalty * sum of |weights|, units of variance 1.",
    )  # fmt: skip
    ridge: tuple[Penalty, ...] = Field(
        (0.1, 0.01, 0.001), description="Ridge penalties: mean squared error + penalty * sum of squared weights."
    )
    gap: float = Field(1e-6, gt=0, description="Duality gap at which an L1 path has converged.")
    draws: int = Field(1000, ge=100, description="Bootstrap draws an interval, over the held-out groups of images.")


@dataclass(frozen=True)
class Regress(OverPairs):
    """Bound to a plan: pairs are the layer that predicts and the layer that is predicted."""

    options: RegressOptions
    nets: tuple[str, str]
    seed: int = 0

    name: ClassVar[str] = "regress"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: RegressOptions, plan: "Plan") -> "Regress":
        """Resolve names against the plan; UserError where a network, a layer or equal positions are missing."""
        nets = two_nets(options.nets, plan, cls.name)
        require_chance(plan, cls.name)
        if plan.groups < 2:
            raise UserError(
                "steps.regress: memory leaves room for 1 group of images, and a held-out loss needs 2: raise "
                "resources.memory, or leave the widest layer out."
            )
        pairs = layer_pairs(options.pairs, nets, plan, cls.name, *comparable(plan, False))
        return cls(Pairwise(pairs, floor_by_group=True), options, nets, plan.seed)

    def identity(self) -> dict[str, Any]:
        """The pairs and every option."""
        return {**self.sums.identity(), **self.options.model_dump(mode="json", exclude={"nets", "pairs"})}

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """One dataset a pair of layers."""
        joints = Joints(plan, arrays)
        found = {pair_name(pair): numbers(joints.joint(pair), joints.floor(pair), self) for pair in self.sums.pairs}
        for dataset in found.values():
            dataset.attrs.update(net_a=self.nets[0], net_b=self.nets[1])
        return found

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Losses against units used, least squares over depth, the table and the warnings."""
        from jobs.steps.regress.plates import presentation

        return presentation(self, results)
