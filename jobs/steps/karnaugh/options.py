"""Options of `karnaugh`: which targets, of which units they are a function, and how circuits are judged."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.boolean.information import Choice
from analysis.boolean.minimize import LARGEST_INPUTS
from analysis.boolean.terms import MOST_INPUTS

Number = Annotated[int, Field(ge=0)]
Class = Number | str
"""A class by number or name, `151-268` for the classes between these two numbers, or a group of the study's own."""

Name = Annotated[str, Field(pattern=r"^\w[\w .-]*$")]
"""Also a part of paths."""

MODE_IMAGES = 100
FEWEST_MODE_IMAGES = 20


class TargetOptions(BaseModel):
    """What is explained: the images of some classes, those on which a unit is on, or those that are misread."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[Class, ...] | None = Field(None, min_length=1, description="Any of these classes.")
    unit: tuple[str, Number] | None = Field(
        None, description="[layer, channel]: above its own quantile; its inputs are of layers before it."
    )
    error: Literal[True] | None = Field(None, description="The network's first choice is not the label.")

    @model_validator(mode="after")
    def _one(self) -> "TargetOptions":
        if sum(part is not None for part in (self.classes, self.unit, self.error)) != 1:
            raise ValueError("a target is either classes, a unit or error: give one of them")
        return self


class KarnaughOptions(BaseModel):
    """A unit is a channel, one value an image; it is on above its threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(
        ("*",), min_length=1, description="Layers of the study whose units may be inputs, globs allowed."
    )
    targets: dict[Name, TargetOptions] = Field(
        min_length=1, max_length=LARGEST_INPUTS, description="What is explained, by a name of your own."
    )
    of: Literal["label", "predicted"] = Field("label", description="Which class an image is of, where targets are.")
    value: Literal["max", "mean", "center"] = Field("max", description="What a unit's map gives of an image.")
    k: int = Field(
        4, ge=2, le=LARGEST_INPUTS, description="Inputs of a circuit; minimal and drawn as a map up to 6 of them."
    )
    inputs: tuple[tuple[str, Number], ...] | None = Field(
        None, min_length=2, max_length=LARGEST_INPUTS, description="The k inputs as [layer, channel] (default: by "
        "mutual information with the target).",
    )  # fmt: skip
    choice: Choice = Field(
        "joint", description="Inputs that tell most together, which few images tell ill, or each alone."
    )
    thresholds: Literal["gain", "quantile"] = Field(
        "gain", description="Where a unit tells most about the target, or at its quantile."
    )
    quantile: float = Field(0.9, gt=0, lt=1, description="Share of images on which a unit is off at such a threshold.")
    score: Literal["balanced_accuracy", "accuracy"] = Field(
        "balanced_accuracy",
        description="What circuits are made for and judged by: a cell is 1 where the target is more frequent than in "
        "all images, or where it is the majority.",
    )
    pool: int = Field(
        MOST_INPUTS, ge=2, le=MOST_INPUTS, description="Candidate units, of which circuits may have any k."
    )
    subsets: int = Field(2000, ge=1, description="Sets of inputs that are judged, drawn where there are more.")
    near: float = Field(
        0.01, ge=0, le=1, description="How far below the one chosen by fit a circuit may be on held-out images."
    )
    modes: Annotated[int, Field(ge=FEWEST_MODE_IMAGES, strict=True)] | bool = Field(
        MODE_IMAGES, description="Strongest images of a unit that are split into modes; false for none."
    )
    groups: dict[str, tuple[Class, ...]] = Field(
        {},
        description="Classes that targets and modes call by one name of your own; the first group of a class counts.",
    )
    evidence: bool = Field(True, description="Fit noisy-OR and naive Bayes on the inputs of all targets.")
    images: int = Field(6, ge=1, le=9, description="Strongest images under each unit of a map.")

    @model_validator(mode="after")
    def _fits(self) -> "KarnaughOptions":
        if self.inputs is not None and len(set(self.inputs)) != len(self.inputs):
            raise ValueError("inputs: a unit is given twice; give each once")
        if self.size > self.pool:
            raise ValueError(f"pool: {self.pool} units do not hold circuits of {self.size} inputs; raise pool")
        return self

    @property
    def size(self) -> int:
        """Inputs of a circuit."""
        return self.k if self.inputs is None else len(self.inputs)

    @property
    def mode_images(self) -> int:
        """Images of a unit that are split; 0 for none."""
        return MODE_IMAGES * self.modes if isinstance(self.modes, bool) else self.modes
