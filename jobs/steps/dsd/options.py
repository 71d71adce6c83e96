"""Options of `dsd`: which networks, how much is pruned, how long the three phases are, how many seeds."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from jobs.images.scenes import ScenesOptions
from jobs.nets.options import StepTrainSpec
from jobs.texts.date_pairs import DatesOptions

Epochs = Annotated[int, Field(ge=1)]

WRITER = StepTrainSpec(epochs=4, optimizer="adam", learning_rate=3e-3, weight_decay=0.0)


class TranslatorOptions(BaseModel):
    """A translator of dates: recurrent both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dates: DatesOptions = Field(DatesOptions(train=4_000), description="Pairs of dates to learn from.")
    hidden: int = Field(32, ge=1, description="Units of the encoder in each direction.")
    train: StepTrainSpec = Field(WRITER, description="The first phase.")
    then: tuple[Epochs, Epochs] | None = Field(None, description="As in dsd; by default the same as there.")


class CaptionerOptions(BaseModel):
    """A captioner of scenes of two digits: convolutions look, an LSTM writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: ScenesOptions = Field(ScenesOptions(train=4_000), description="Scenes to learn from.")
    width: int = Field(16, ge=1, description="Channels of the first convolution.")
    hidden: int = Field(48, ge=1, description="Units of the LSTM.")
    train: StepTrainSpec = Field(WRITER, description="The first phase.")
    then: tuple[Epochs, Epochs] | None = Field(None, description="As in dsd; by default the same as there.")


class DsdOptions(BaseModel):
    """Networks of the study are trained anew from several seeds: give them no `train` of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(
        None, description="Networks of the study (default: all; an empty list for none)."
    )
    translator: TranslatorOptions | None = Field(None, description="A recurrent network: translates dates.")
    captioner: CaptionerOptions | None = Field(None, description="A recurrent network: describes scenes of digits.")
    sparsity: float = Field(0.3, gt=0, lt=1, description="Share of each layer's weights that the sparse phase prunes.")
    train: StepTrainSpec = Field(
        StepTrainSpec(epochs=8), description="The first phase; its seed is the first of the seeds."
    )
    then: tuple[Epochs, Epochs] = Field((4, 4), description="Epochs of the sparse phase and of the last one.")
    seeds: int = Field(5, ge=1, description="Trainings of each network; intervals need several.")
