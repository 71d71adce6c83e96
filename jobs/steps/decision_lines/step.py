"""How does a net with one hidden layer part the plane? Lines of its units and classes, checkpoint by checkpoint.

Reads no images: a pane is a checkpoint, and the plane is looked at as a whole. Points are those the net was trained on.
"""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from jobs.errors import UserError
from jobs.steps.layer_pairs import require_net
from jobs.steps.step import Arrays, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import NetPlan, Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

OPTION = "steps.decision_lines"


class DecisionLinesOptions(BaseModel):
    """Which networks, at which moments, and how fine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(
        None, min_length=1, description="Networks with checkpoints (default: all that have them)."
    )
    panes: tuple[int, ...] | None = Field(
        None, min_length=1, description="Numbers of the checkpoints that are drawn (default: all of each network)."
    )
    resolution: int = Field(200, ge=10, le=2000, description="Cells of the plane on each side.")
    margin: float = Field(0.1, gt=0, allow_inf_nan=False, description="Room around the points, as a share of theirs.")


@dataclass(frozen=True)
class DecisionLines(WithoutPass):
    """Bound to a plan: checkpoints of every network, ascending."""

    options: DecisionLinesOptions
    panes: dict[str, tuple[int, ...]]

    name: ClassVar[str] = "decision_lines"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: DecisionLinesOptions, plan: "Plan") -> "DecisionLines":
        """Resolve names against the plan; UserError for a network without such checkpoints or of other inputs."""
        nets = options.nets or tuple(net for net in plan.studied() if plan.checkpoints_of(net))
        if not nets:
            raise UserError(f"{OPTION}: no network has checkpoints; add train.checkpoints, as [0, 1, 10, 100].")
        for net in nets:
            require_net(net, plan, f"{OPTION}.nets")
            _require_plane(net, plan.nets[net])
        return cls(options, {net: _panes(options.panes, net, plan) for net in nets})

    def identity(self) -> dict[str, Any]:
        """The checkpoints, and how the plane is cut."""
        return {"panes": self.panes, **self.options.model_dump(mode="json", include={"resolution", "margin"})}

    def finish(self, _plan: "Plan", _arrays: Arrays, views: "Views") -> dict[str, xr.Dataset]:
        """A dataset a network; UserError where one has not exactly one hidden layer."""
        from jobs.steps.decision_lines.datasets import of_net

        return {net: of_net(net, numbers, self.options, views) for net, numbers in self.panes.items()}

    def present(self, _plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Panes and an animation of every network, and what it got right when."""
        from jobs.steps.decision_lines.plates import presentation

        return presentation(results)


def _require_plane(name: str, net: "NetPlan") -> None:
    if prod(net.in_shape) != 2:
        shape = " x ".join(str(side) for side in net.in_shape)
        raise UserError(
            f"{OPTION}.nets: {name} ({net.arch}) takes images of {shape}; expected points of 2 values, whose plane can "
            "be drawn. Take images: {source: planar} and arch: mlp2d."
        )


def _panes(asked: tuple[int, ...] | None, net: str, plan: "Plan") -> tuple[int, ...]:
    """The checkpoints of a network that are drawn, ascending."""
    kept = plan.checkpoints_of(net)
    if not kept:
        raise UserError(f"{OPTION}: {net} has no checkpoints; add nets.{net}.train.checkpoints, as [0, 1, 10, 100].")
    missing = [number for number in asked or () if number not in kept]
    if missing:
        shown = ", ".join(map(str, kept))
        raise UserError(
            f"{OPTION}.panes: {net} keeps no checkpoint {missing[0]}, only {shown}; add it to its checkpoints, or name "
            "one of these."
        )
    return tuple(sorted(set(asked or kept)))
