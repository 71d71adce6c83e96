"""What do filters look like? The weights of first layers as pictures, of deeper ones kernel by kernel (Krizhevsky et
al., 2012, fig. 3), and how many of the first look like Gabors.

Weights need no images. Where filters are matched with another network's, correlations of activations decide which is
which (Li et al., 2016, arXiv:1511.07543, fig. 2), from a pass of its own before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from analysis.activations import INPUT
from jobs.errors import UserError
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.correlate.step import Correlate, CorrelateOptions
from jobs.steps.filters.datasets import datasets
from jobs.steps.filters.layers import asked, drawable, require_somewhere
from jobs.steps.filters.options import FiltersOptions
from jobs.steps.layer_pairs import layer_pairs, require_net, same_positions
from jobs.steps.presentation import Presentation
from jobs.steps.step import Arrays, Results, Step, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views


class Matching(Correlate):
    """Which filter of one network is which of another: correlations without figures of their own."""

    name: ClassVar[str] = "matching"

    def present(self, _plan: "Plan", _results: Results, _views: "Views") -> Presentation:
        """Nothing: the filters are drawn in the order that it found."""
        return Presentation()


@dataclass(frozen=True)
class Filters(WithoutPass):
    """Bound to a plan."""

    options: FiltersOptions
    nets: tuple[str, ...]
    matchings: tuple[Matching, ...] = ()
    """Of every network with the one that its filters are matched with."""
    matched: Mapping[str, xr.Dataset] = field(default_factory=dict, compare=False)
    """Correlations by `net/layer`, once they are found."""

    name: ClassVar[str] = "filters"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: FiltersOptions, plan: "Plan") -> "Filters":
        """Resolve names against the plan; UserError where a network, a layer, or a layer to match by is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        found = {net: drawable(net, plan.nets[net].weighted, plan.nets[net].in_shape) for net in nets}
        require_somewhere(options.layers or (), found)
        for one in found.values():
            asked(options.layers, one)
        return cls(options, nets, () if options.match is None else _matchings(options, options.match, nets, plan))

    def prerequisites(self) -> tuple[Step, ...]:
        """The steps that find the matches."""
        return self.matchings

    def informed(self, results: list[Results]) -> "Filters":
        """With the matches, once they are found."""
        found = [dataset for one in results for dataset in one.values()]
        return replace(self, matched={f"{one.attrs['net_a']}/{one.attrs['layer_a']}": one for one in found})

    def identity(self) -> dict[str, Any]:
        """Networks, every option and what is matched."""
        options = self.options.model_dump(mode="json", exclude={"nets"})
        return {"nets": self.nets, "matchings": [one.identity() for one in self.matchings], **options}

    def finish(self, plan: "Plan", _arrays: Arrays, views: "Views") -> Results:
        """One dataset a layer: the weights drawn, their scale, matches, and the Gabors of a first layer.

        UserError where a layer that both networks have cannot be matched.
        """
        return datasets(self, plan, views)

    def present(self, _plan: "Plan", results: Results, _views: "Views") -> Presentation:
        """First layers side by side, every layer asked for, matched filters, the tables of Gabors and matches."""
        from jobs.steps.filters.plates import presentation

        return presentation(results)


def _matchings(options: FiltersOptions, match: str, nets: tuple[str, ...], plan: "Plan") -> tuple[Matching, ...]:
    """One for every other network that shares a layer to match by; UserError where a layer is asked for in vain."""
    require_net(match, plan, "steps.filters.match")
    others = [net for net in nets if net != match]
    if not others:
        raise UserError(f"steps.filters.match: {match} would be matched with itself; name another network.")
    studied = {net: _studied(options.layers, net, plan) for net in others}
    shared = {net: [one for one in layers if one in plan.layers_of(match)] for net, layers in studied.items()}
    named = [layer for layers in studied.values() for layer in layers]
    missing = [one for one in options.layers or () if not any(fnmatchcase(layer, one) for layer in named)]
    if missing or not any(shared.values()):
        layer = missing[0] if missing else " or ".join(options.layers or ("the first layer with weights",))
        raise UserError(
            f"steps.filters.match: activations decide which filter is which, and {layer} is not studied in both "
            f"{match} and {' or '.join(others)}: add it to layers."
        )
    return tuple(_matching(net, match, layers, plan) for net, layers in shared.items() if layers)


def _studied(patterns: tuple[str, ...] | None, net: str, plan: "Plan") -> list[str]:
    """Studied layers of a network that patterns name; by default the first."""
    studied = [layer for layer in plan.layers_of(net) if layer != INPUT]
    if patterns is None:
        return studied[:1]
    return [layer for layer in studied if any(fnmatchcase(layer, pattern) for pattern in patterns)]


def _matching(net: str, match: str, layers: list[str], plan: "Plan") -> Matching:
    remedy = "set extract.positions to mean or center"
    asked = tuple((layer, layer) for layer in layers)
    pairs = layer_pairs(asked, (net, match), plan, "filters.match", same_positions(plan), remedy)
    return Matching(CorrelateOptions(), (net, match), pairs)
