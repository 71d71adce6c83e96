"""Options of `attend`: the networks of the study, or one that the step trains to write dates or captions."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jobs.images.scenes import ScenesOptions
from jobs.nets.writing import CAPTIONER, TRANSLATOR
from jobs.texts.date_pairs import DatesOptions

Number = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"{list(seeds)}: one training a seed; give each once")
    return seeds


Seeds = Annotated[tuple[Number, ...], Field(min_length=1), AfterValidator(_each_once)]
SEEDS = "Trainings, by the seeds of weights and order; several give mean and range."


class NetworksAttention(BaseModel):
    """Self-attention over the patches of images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["networks"] = Field("networks", description="The networks of the study.")
    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    blocks: tuple[str, ...] = Field(("*",), min_length=1, description="Attention modules by name, globs allowed.")
    token: Number | Literal["class", "mean"] = Field(
        "class", description="The token that looks: class, the first; a number; or the mean of all."
    )
    grid: tuple[Count, Count] | None = Field(
        None, description="Rows and columns of patches, which are the last tokens (default: the square there is)."
    )
    images: int = Field(4, ge=1, le=64, description="Images to draw: the first of the study.")
    control: bool = Field(True, description="Repeat with random weights: what does not change explains the image only.")


class DatesAttention(BaseModel):
    """A translator of dates, whose true alignment is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    studies_nets: ClassVar[bool] = False

    of: Literal["dates"] = Field(description="A translator of dates between languages.")
    data: DatesOptions = Field(DatesOptions(), description="Which dates, from which languages into which.")
    seeds: Seeds = Field((0,), description=SEEDS)
    epochs: Count = Field(TRANSLATOR.epochs, description="Passes over the training pairs.")
    hidden: Count = Field(64, description="Units of the encoder in each direction.")
    drawn: int = Field(6, ge=1, le=24, description="Alignments to draw, each of other languages while there are any.")


class ScenesAttention(BaseModel):
    """A captioner of composed scenes, in which the place of every digit is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    studies_nets: ClassVar[bool] = False

    of: Literal["scenes"] = Field(description="A captioner of scenes of two digits.")
    data: ScenesOptions = Field(ScenesOptions(), description="How many scenes of which size.")
    seeds: Seeds = Field((0,), description=SEEDS)
    epochs: Count = Field(CAPTIONER.epochs, description="Passes over the training scenes.")
    width: Count = Field(24, description="Channels of the first convolutions; the last two have twice as many.")
    hidden: Count = Field(64, description="Units of the decoder.")
    drawn: int = Field(4, ge=1, le=24, description="Scenes to draw: the first of the test set.")


def _of_networks(value: Any) -> Any:
    return {"of": "networks", **value} if isinstance(value, dict) else value


AttendOptions = Annotated[
    NetworksAttention | DatesAttention | ScenesAttention, Field(discriminator="of"), BeforeValidator(_of_networks)
]
