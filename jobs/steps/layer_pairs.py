"""Which layer is set beside which: two networks of the study, and the pairs of their layers that a step asks for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NoReturn

from jobs.errors import UserError, nearest

if TYPE_CHECKING:
    from jobs.plan import Plan

Asked = Literal["same", "all"] | tuple[tuple[str, str], ...]
"""Each layer with its counterpart, every two that compare, or a list of [layer of the first, layer of the second]."""

PAIRS = (
    "same: each layer with its counterpart; all: every two layers of equal positions; "
    "or a list of [layer of the first, layer of the second]."
)

LayerPair = tuple[str, str]
"""Two layers as `net/layer`."""


def two_nets(asked: tuple[str, str] | None, plan: "Plan", step: str) -> tuple[str, str]:
    """The networks asked for, or the study's first two; UserError where there are none of the name."""
    nets = asked or tuple(plan.studied())[:2]
    if len(nets) < 2:
        raise UserError(f"steps.{step}: needs two networks; add one under nets.")
    for net in nets:
        require_net(net, plan, f"steps.{step}.nets")
    return nets[0], nets[1]


def require_net(net: str, plan: "Plan", option: str) -> None:
    """UserError with the nearest name where the plan lacks a network."""
    if net not in plan.nets:
        raise UserError(f"{option}: there is no network {net!r}; {nearest(net, list(plan.nets))}")


def same_positions(plan: "Plan") -> Callable[[str, str], bool]:
    """Whether two layers are read at the same positions under the plan's policy."""
    return lambda x, y: plan.positions_of(x) == plan.positions_of(y)


def layer_pairs(
    asked: Asked, nets: tuple[str, str], plan: "Plan", step: str, comparable: Callable[[str, str], bool], remedy: str
) -> tuple[LayerPair, ...]:
    """The pairs asked for, each once; UserError with `remedy` where two layers do not compare."""
    layers = plan.layers_of(nets[0]), plan.layers_of(nets[1])
    if asked == "all":
        every = [(f"{nets[0]}/{a}", f"{nets[1]}/{b}") for a in layers[0] for b in layers[1]]
        pairs = [pair for pair in every if comparable(*pair)]
        if not pairs:
            raise UserError(f"steps.{step}: no two layers have equal positions; {remedy}.")
        return tuple(pairs)
    chosen = _counterparts(nets, layers, step) if asked == "same" else list(asked)
    for pair in chosen:
        for layer, net, known in zip(pair, nets, layers, strict=True):
            if layer not in known:
                raise UserError(f"steps.{step}.pairs: {layer!r} is no studied layer of {net}; {nearest(layer, known)}")
    pairs = [(f"{nets[0]}/{a}", f"{nets[1]}/{b}") for a, b in chosen]
    for pair in pairs:
        if not comparable(*pair):
            _refuse_positions(plan, pair, step, remedy)
    return tuple(dict.fromkeys(pairs))


def pair_name(pair: LayerPair) -> str:
    """The layer's name where both have it, else both."""
    a, b = (layer.partition("/")[2] for layer in pair)
    return a if a == b else f"{a}--{b}"


def _counterparts(nets: tuple[str, str], layers: tuple[list[str], list[str]], step: str) -> list[tuple[str, str]]:
    if len(layers[0]) != len(layers[1]):
        raise UserError(
            f"steps.{step}: {nets[0]} has {len(layers[0])} of the layers and {nets[1]} {len(layers[1])}, so they do "
            f"not pair in order; write steps.{step}.pairs: [[layer of {nets[0]}, layer of {nets[1]}], ...]."
        )
    return list(zip(*layers, strict=True))


def _refuse_positions(plan: "Plan", pair: LayerPair, step: str, remedy: str) -> NoReturn:
    sizes = [f"{plan.shapes[layer][1]} x {plan.shapes[layer][2]}" for layer in pair]
    raise UserError(
        f"steps.{step}: {pair[0]} has {sizes[0]} positions and {pair[1]} {sizes[1]}: pair layers of equal size, "
        f"or {remedy}."
    )
