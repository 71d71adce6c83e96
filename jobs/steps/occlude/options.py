"""Options of `occlude`: the windows, what covers them, which targets, and what is drawn."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.steps.unit_directions import DirectionOptions

Number = Annotated[int, Field(ge=0)]


class OccludeOptions(BaseModel):
    """One sweep of the windows gives all targets: a class, the strongest map of a layer, and any others asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    window: int = Field(32, ge=1, description="Side of the occluder in pixels.")
    stride: int = Field(8, ge=1, description="Pixels from one window to the next.")
    fill: Literal["gray", "zero"] | float = Field(
        "gray",
        description="gray: halfway from black to white; zero: 0 as the network sees it, the mean color where images "
        "are normalized; a number from 0 (black) to 1 (white).",
    )  # fmt: skip
    of: Literal["label", "predicted"] = Field("label", description="Class whose probability is followed.")
    layer: str | None = Field(None, description="Layer whose strongest map is followed (default: the last with maps).")
    classes: tuple[Number, ...] = Field((), description="Further classes, by number: their logits.")
    channels: dict[str, tuple[Number, ...]] = Field({}, description="Further channels by layer.")
    direction: DirectionOptions | None = Field(None, description="Further directions, of the layer that is followed.")
    position: Literal["mean", "max", "center"] | tuple[Number, Number] = Field(
        "mean",
        description="Where channels and directions are read: the mean of the map, where the clean map is largest, its "
        "center, or a position [y, x].",
    )  # fmt: skip
    bands: int = Field(
        1, ge=1, description="Parts of the windows, a task each: for few images on many workers. Grids of all images "
        "are then in the results in place of the store."
    )  # fmt: skip
    images: int = Field(4, ge=0, le=64, description="Images to draw: the first of the study.")

    @model_validator(mode="after")
    def _brightness(self) -> "OccludeOptions":
        if isinstance(self.fill, float | int) and not 0 <= self.fill <= 1:
            raise ValueError(f"fill: {self.fill:g} is no brightness; give 0 (black) to 1 (white), gray or zero")
        return self

    def place(self, height: int, width: int) -> tuple[int, int] | Literal["argmax"] | None:
        """The position that counts of a map, (y, x); None for the mean of all."""
        if self.position == "mean":
            return None
        if self.position == "max":
            return "argmax"
        return (height // 2, width // 2) if self.position == "center" else self.position
