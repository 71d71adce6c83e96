"""Options of `top_images`: which units, how many images, and what is drawn of them."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field

from analysis.attribution.rules import Rule
from jobs.evenly import evenly
from jobs.steps.unit_directions import DirectionOptions

Number = Annotated[int, Field(ge=0)]


class TopImagesOptions(BaseModel):
    """A unit is a channel, a position of one, or a direction of the layer; a class is a channel of the last layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(("*",), min_length=1, description="Layers of the study, globs allowed.")
    k: int = Field(9, ge=1, le=100, description="Images a unit.")
    position: Literal["max", "center"] | tuple[Number, Number] = Field(
        "max", description="Where a map is largest, its center, or a position [y, x]."
    )
    direction: DirectionOptions | None = Field(None, description="Directions of the layers in place of channels.")
    channels: Annotated[int, Field(ge=1)] | Annotated[tuple[Number, ...], Field(min_length=1)] = Field(
        16, description="Channels to draw: a number, evenly over the layer, or a list."
    )
    rule: Rule = Field("guided", description="The backward image beside each crop.")

    def place(self, height: int, width: int) -> tuple[int, int] | None:
        """The one position that counts of a map, (y, x); None for its maximum."""
        if self.position == "max":
            return None
        return (height // 2, width // 2) if self.position == "center" else self.position

    def drawn(self, units: int) -> Int[np.ndarray, " drawn"]:
        """Units of a layer whose images are shown."""
        return np.arange(units) if self.direction is not None else drawn_channels(self.channels, units)


def drawn_channels(asked: int | tuple[int, ...], units: int) -> Int[np.ndarray, " drawn"]:
    """Those of a list, or so many evenly over the layer."""
    return np.array(asked) if isinstance(asked, tuple) else evenly(units, asked)
