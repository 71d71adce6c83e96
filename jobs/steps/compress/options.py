"""Options of `compress`: which weights go, how many values are left to share, and how the net is trained between."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.nets.options import StepTrainSpec

Share = Annotated[float, Field(gt=0, le=1)]
Bits = Annotated[int, Field(ge=1, le=8)]
Start = Literal["linear", "density", "random"]


class Setting(BaseModel):
    """One way to compress. A mapping goes from patterns of layers to numbers; the first that matches counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: Share | dict[str, Share] | None = Field(
        None, description="Share of the weights that stays; a layer that no pattern matches keeps all."
    )
    sensitivity: Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None, description="In place of `kept`: weights below so many standard deviations of their layer go."
    )
    rounds: int = Field(1, ge=1, description="Rounds of pruning and training, to shares that fall evenly by ratio.")
    exempt_first_convolution: bool = Field(False, description="Prune no weight of the first convolution.")
    mask: Literal["magnitude", "random"] = Field("magnitude", description="random: the control, of the same shares.")
    bits: Bits | dict[str, Bits] | None = Field(
        5, description="2^bits shared values a layer; null leaves weights as they are."
    )
    start: Start = Field("linear", description="Where k-means begins: even steps, even counts, or at random.")
    name: str | None = Field(None, min_length=1, description="What tables and figures call it.")

    @model_validator(mode="after")
    def _one_way_to_prune(self) -> "Setting":
        if self.kept is not None and self.sensitivity is not None:
            raise ValueError("kept and sensitivity exclude each other; leave one out")
        if self.mask == "random" and self.kept is None:
            raise ValueError("mask: random needs kept, the share of the weights that stays")
        if isinstance(self.bits, dict) and "*" not in self.bits:
            raise ValueError('bits: a mapping needs "*", for the layers that no other pattern matches')
        return self

    @property
    def prunes(self) -> bool:
        """Whether any weight goes."""
        return self.kept is not None or self.sensitivity is not None

    def pruning(self) -> dict[str, Any]:
        """What decides which weights are left."""
        return self.model_dump(mode="json", exclude={"bits", "start", "name"})

    def label(self) -> str:
        """Its name, or what it is."""
        if self.name is not None:
            return self.name
        kept = (
            "all" if not self.prunes else _said(self.kept) if self.kept is not None else f"s {_said(self.sensitivity)}"
        )
        words = [kept, "float32" if self.bits is None else f"{_said(self.bits)} bits"]
        return " ".join([*words, *(["random mask"] if self.mask == "random" else [])])


class CompressOptions(BaseModel):
    """Every network by every setting, a task each; the first setting has the tables and the figures of layers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    settings: tuple[Setting, ...] = Field((Setting(kept=0.1, rounds=3),), min_length=1, description="Ways to compress.")
    retrain: StepTrainSpec = Field(
        StepTrainSpec(epochs=4), description="Training of each round, pruned weights held at zero."
    )
    tune: StepTrainSpec = Field(
        StepTrainSpec(epochs=2, learning_rate=1e-4, weight_decay=0.0),
        description="Training of the shared values: each moves by the summed gradients of its weights, so that rates "
        "lie far below theirs.",
    )
    scan: tuple[Share, ...] = Field(
        (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.02),
        description="Shares of one layer's weights that stay, without training; a task a layer. Empty for no scan.",
    )
    scan_bits: tuple[Bits, ...] = Field((2, 3, 4, 5, 6, 7, 8), description="Bits tried with each start, after pruning.")
    scan_images: int | None = Field(
        None, ge=1, description="Test images that both scans are measured on: the first (default: all)."
    )

    @model_validator(mode="after")
    def _told_apart(self) -> "CompressOptions":
        labels = [setting.label() for setting in self.settings]
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"settings: two are called {twice!r}; give one a name of its own")
        return self


def of_layers(asked: float | Mapping[str, Any], weights: Iterable[str], default: Any = None) -> dict[str, Any]:
    """A number for each weight `conv1.weight`, by the first pattern that its layer matches; others get the default."""
    patterns = {"*": asked} if not isinstance(asked, Mapping) else asked
    return {
        weight: next((n for pattern, n in patterns.items() if fnmatchcase(weight.rpartition(".")[0], pattern)), default)
        for weight in weights
    }


def _said(numbers: Any) -> str:
    if isinstance(numbers, Mapping):
        return "/".join(_said(number) for number in numbers.values())
    return f"{numbers:.3g}" if isinstance(numbers, int) else f"{numbers:.1%}".replace("%", " %").replace(".0 ", " ")
