"""How alike are the layers of two networks? Any measure, for any pairs of layers, from one pass over the images.

A measure of sums (CCA, SVCCA, PWCCA, CKA, Procrustes, matches) takes any number of images; one of distances between
images (RBF CKA, RSA, nearest neighbors) reads the first `max_images` of them back from the store.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from jobs.errors import UserError
from jobs.steps.compare.datasets import details, similarity
from jobs.steps.compare.options import CompareOptions
from jobs.steps.layer_pairs import LayerPair, layer_pairs, two_nets
from jobs.steps.pairwise import OverPairs, Pairwise, comparable, require_chance
from jobs.steps.step import Arrays, Needs

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

SIMILARITY = "similarity"
"""The dataset that holds every measure of every pair; those of single pairs are named by their layers."""


@dataclass(frozen=True)
class Compare(OverPairs):
    """Bound to a plan: the pairs are `net/layer` keys; a block of it has fewer."""

    options: CompareOptions
    nets: tuple[str, str]
    seed: int = field(default=0)

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: CompareOptions, plan: "Plan") -> "Compare":
        """Resolve names against the plan; UserError where a network, a layer or equal positions are missing."""
        nets = two_nets(options.nets, plan, cls.name)
        require_chance(plan, cls.name)
        compared = layer_pairs(options.pairs, nets, plan, cls.name, *comparable(plan, options.fourier))
        if options.by_set and not plan.sets:
            raise UserError(
                "steps.compare.by_set: the study has one set of images; give several by images.source: sets."
            )
        sums = Pairwise(compared, options.fourier, sets=plan.sets if options.by_set else ())
        return cls(sums, options, nets, plan.seed)

    @property
    def pairs(self) -> tuple[LayerPair, ...]:
        """The pairs of layers."""
        return self.sums.pairs

    def identity(self) -> dict[str, Any]:
        """The pairs and every option."""
        named = {"nets", "pairs", "fourier", "by_set"}  # the sums' identity holds these
        return {**self.sums.identity(), **self.options.model_dump(mode="json", exclude=named)}

    def needs(self) -> Needs:
        """Samples or maps of all layers that are compared, and their stored activations for distances."""
        layers = frozenset(layer for pair in self.pairs for layer in pair)
        streamed = super().needs() if self.options.from_sums else Needs()
        reads = bool(self.options.from_distances) or self.options.aligned
        return streamed.union(Needs(stored=layers if reads else frozenset()))

    def result_bytes(self, plan: "Plan") -> int:
        """Sums of all pairs."""
        return super().result_bytes(plan) if self.options.from_sums else 0

    def split(self, plan: "Plan", limit_bytes: int) -> list[Any]:
        """As many pairs to a block as fit; no pass at all for distances alone."""
        return super().split(plan, limit_bytes) if self.options.from_sums else []

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> dict[str, xr.Dataset]:
        """Every measure of every pair in one dataset; of few pairs, each one's directions and frequencies too."""
        joints = self.sums.joints(plan, arrays)
        found = {SIMILARITY: similarity(self, joints, self.options.measures, views.stored)}
        for name in self.sums.sets:
            of_set = self.sums.joints(plan, arrays, name)
            found[f"{SIMILARITY} {name}"] = similarity(self, of_set, self.options.from_sums, views.stored)
        for dataset in found.values():
            dataset.attrs.update(net_a=self.nets[0], net_b=self.nets[1])
        return found | details(self, plan, joints, views.stored)

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Matrices or curves over depth, coefficients, maps by frequency, aligned directions, the table, warnings."""
        from jobs.steps.compare.plates import presentation

        return presentation(self, plan, results)
