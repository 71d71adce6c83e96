"""Which networks and layers a step works on: names and globs, resolved against the plan."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jobs.errors import UserError, nearest
from jobs.steps.layer_pairs import require_net

if TYPE_CHECKING:
    from jobs.plan import Plan


def chosen_nets(asked: tuple[str, ...] | None, plan: "Plan", step: str) -> tuple[str, ...]:
    """The networks asked for, or all of the study; UserError where there is none of a name."""
    nets = asked or tuple(plan.studied())
    for net in nets:
        require_net(net, plan, f"steps.{step}.nets")
    return nets


def chosen_layers(nets: tuple[str, ...], patterns: tuple[str, ...], plan: "Plan", step: str) -> tuple[str, ...]:
    """The studied `net/layer` that patterns name; UserError where a pattern names none of a network."""
    chosen = []
    for net in nets:
        layers = plan.layers_of(net)
        for pattern in patterns:
            if not any(fnmatchcase(layer, pattern) for layer in layers):
                raise UserError(
                    f"steps.{step}.layers: {pattern!r} is no studied layer of {net}; {nearest(pattern, layers)}"
                )
        chosen += [f"{net}/{layer}" for layer in layers if any(fnmatchcase(layer, p) for p in patterns)]
    return tuple(chosen)
