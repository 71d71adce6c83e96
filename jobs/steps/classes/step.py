"""When are classes learned, layer by layer? SVCCA with DFT of every layer against each class (Raghu et al., 2017).

A class is what the network says of it (its logit) or what is true of the image (its indicator); a group of classes is
all of its logits or indicators together. One number an image meets the layer's channels at every frequency of its maps
(arXiv:1706.05806, section 4.2).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from jobs.errors import UserError, nearest
from jobs.steps.classes.datasets import similarity
from jobs.steps.classes.sums import ClassPart, ClassSums, class_parts, part_bytes
from jobs.steps.layer_pairs import require_net
from jobs.steps.pairwise import Fourier, added, require_chance
from jobs.steps.step import Arrays, Needs, Reducer, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

FEWEST = 50
"""Images of a class below which its indicator is refused: a layer of as many channels tells them by chance."""

MOST = 50
"""Classes taken at once: their products among themselves are summed too."""


class ClassesOptions(BaseModel):
    """Which networks, which classes, and how a class is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(("*",), min_length=1, description="Layers of the study, globs allowed.")
    classes: tuple[str, ...] | None = Field(None, min_length=1, description="Classes by name (default: all, up to 50).")
    groups: dict[str, tuple[str, ...]] = Field({}, description="Groups of classes by a name of your own.")
    targets: Literal["logits", "indicator"] = Field(
        "logits", description="What the network says of a class, or whether the image is of it."
    )
    fourier: Fourier = Field(
        True,
        description="true: all frequencies of the maps; a number m: those that a map of m x m holds; false: the mean.",
    )
    variance: float = Field(0.99, gt=0, le=1, description="Share of the layer's variance that SVCCA keeps.")
    rule: Literal["squared", "unsquared"] = Field("squared", description="As in compare.")
    draws: int = Field(200, ge=100, description="Bootstrap draws an interval.")


@dataclass(frozen=True)
class Classes:
    """Bound to a plan: `members` are the classes of every line, by number."""

    options: ClassesOptions
    nets: tuple[str, ...]
    members: dict[str, tuple[int, ...]]
    parts: tuple[ClassPart, ...]
    seed: int = 0

    name: ClassVar[str] = "classes"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: ClassesOptions, plan: "Plan") -> "Classes":
        """Resolve names against the plan; UserError where a network or a class is missing or has too few images."""
        nets = options.nets or tuple(plan.studied())
        require_chance(plan, cls.name)
        for net in nets:
            require_net(net, plan, "steps.classes.nets")
        members = _members(options, plan)
        if options.targets == "indicator":
            _require_images(members, plan)
        else:
            _require_logits(nets, plan)
        return cls(options, nets, members, class_parts(plan, nets, options.layers), plan.seed)

    @property
    def targets(self) -> tuple[int, ...]:
        """Every class in some line, ascending."""
        return tuple(sorted({number for numbers in self.members.values() for number in numbers}))

    @property
    def fourier(self) -> Fourier:
        """Frequencies compared; of a map of 1 x 1 there is the mean alone."""
        return self.options.fourier or 1

    def identity(self) -> dict[str, Any]:
        """Layers, classes and every option."""
        parts = [[part.net, part.layer, part.span] for part in self.parts]
        return {
            "parts": parts,
            "members": self.members,
            **self.options.model_dump(mode="json", exclude={"nets", "layers"}),
        }

    def needs(self) -> Needs:
        """Whole maps of all layers, and the outputs where they are the targets."""
        nets = frozenset(self.nets) if self.options.targets == "logits" else frozenset[str]()
        return Needs(maps=frozenset(part.key for part in self.parts), logits=nets)

    def result_bytes(self, plan: "Plan") -> int:
        """Sums of all layers and of the targets."""
        return sum(part_bytes(plan, part, self.fourier, len(self.targets)) for part in self.parts)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """As many layers to a block as fit, cut into spans of frequencies where one does not."""
        blocks: list[Classes] = []
        for part in self.parts:
            for piece in part.pieces(plan, self.fourier, len(self.targets), limit_bytes):
                grown = replace(blocks[-1], parts=(*blocks[-1].parts, piece)) if blocks else None
                if grown and grown.result_bytes(plan) <= limit_bytes:
                    blocks[-1] = grown
                else:
                    blocks.append(replace(self, parts=(piece,)))
        return list(blocks)

    def reducer(self, plan: "Plan") -> Reducer:
        """Sums of one unit."""
        return ClassSums(plan, self.parts, self.fourier, self.targets, logits=self.options.targets == "logits")

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Sums add."""
        return added(left, right)

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """One dataset a network: `similarity` (layer, line, estimate)."""
        return {net: similarity(self, plan, net, arrays) for net in self.nets}

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Curves over depth, one line a class, the table and the warnings."""
        from jobs.steps.classes.plates import presentation

        return presentation(self, plan, results)


def _members(options: ClassesOptions, plan: "Plan") -> dict[str, tuple[int, ...]]:
    """Classes of every line, by number: each class of its own, then the groups."""
    chosen = options.classes
    if chosen is None:
        chosen = () if options.groups else plan.classes
        if len(chosen) > MOST:
            raise UserError(
                f"steps.classes: the images have {len(chosen)} classes and at most {MOST} are taken at once: "
                "name some in steps.classes.classes."
            )
    lines = {name: (name,) for name in chosen} | options.groups
    members = {line: tuple(_number(name, plan) for name in names) for line, names in lines.items()}
    if not members:
        raise UserError("steps.classes: the images have no classes; name a source with labels.")
    return members


def _number(name: str, plan: "Plan") -> int:
    if name not in plan.classes:
        raise UserError(f"steps.classes: there is no class {name!r}; {nearest(name, list(plan.classes))}")
    return plan.classes.index(name)


def _require_images(members: dict[str, tuple[int, ...]], plan: "Plan") -> None:
    for line, numbers in members.items():
        count = sum(plan.class_counts[number] for number in numbers)
        if count < FEWEST:
            raise UserError(
                f"steps.classes: {line!r} has {count} images and an indicator needs at least {FEWEST}: "
                "write targets: logits, or put classes together under groups."
            )


def _require_logits(nets: tuple[str, ...], plan: "Plan") -> None:
    for net in nets:
        if plan.nets[net].classes < len(plan.classes):
            raise UserError(
                f"steps.classes: {net} has {plan.nets[net].classes} outputs for {len(plan.classes)} classes of the "
                "images: write targets: indicator."
            )
