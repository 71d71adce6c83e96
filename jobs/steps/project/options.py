"""Options of `project`: which layers go through fewer directions of their input, chosen by what, and how many."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from analysis.compression.directions import METHODS, Method
from jobs.nets.options import StepTrainSpec


class ProjectOptions(BaseModel):
    """Every layer alone and all of them together, a task each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks to shrink (default: the first).")
    other: str | None = Field(
        None, description="The network whose shared directions `svcca` keeps, of the same layers."
    )
    layers: tuple[str, ...] = Field(
        ("*",), min_length=1, description="Convolutions and linear layers that read several channels, globs allowed."
    )
    methods: tuple[Method, ...] = Field(METHODS, min_length=1, description="What directions are chosen by.")
    kept: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0, 0.5, 0.25, 0.12, 0.06, 0.03), min_length=1, description="Shares of each layer's directions that stay."
    )
    fit: int = Field(2000, ge=10, description="Training images that the directions are found on: the first.")
    test: int = Field(2000, ge=10, description="Test images that accuracy is measured on: the first.")
    variance: float = Field(0.99, gt=0, le=1, description="Share of the variance that SVCCA looks at.")
    train: StepTrainSpec = Field(
        StepTrainSpec(), description="Only its `images` count: where training and test images are."
    )
