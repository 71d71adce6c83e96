"""Options of `freeze`: which networks, how they are trained, how many seeds, which moments are shown."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.nets.options import StepTrainSpec

Arm = Literal["normal", "frozen"]
ARMS: tuple[Arm, ...] = ("normal", "frozen")


class FreezeOptions(BaseModel):
    """Networks of the study are trained anew from several seeds: give them no `train` of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks of the study (default: all).")
    train: StepTrainSpec = Field(
        StepTrainSpec(), description="How each is trained; its seed is the first of the seeds."
    )
    seeds: int = Field(5, ge=1, description="Trainings of each network in each way; intervals need several.")
    panes: tuple[Annotated[float, Field(ge=0, le=100)], ...] = Field(
        (0.0, 35.0, 75.0, 100.0), min_length=1, description="Percent of training that panes show: nearest epochs."
    )
    draws: int = Field(100, ge=100, description="Bootstrap draws of the panes' intervals.")
    images: int = Field(2_000, ge=1, description="Test images that the panes are made from.")

    def times(self) -> list[int]:
        """The epochs of the panes, each once."""
        return sorted({round(percent / 100 * self.train.epochs) for percent in self.panes})
