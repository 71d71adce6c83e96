"""Options of `maximize`: which units, by which ways, and what stands beside."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field

from analysis.attribution.fourier_image import Fourier
from analysis.attribution.maximization import Of
from analysis.attribution.priors import TABLE_1, NoPrior, Prior, Yosinski
from jobs.evenly import evenly
from jobs.steps.unit_directions import DirectionOptions

Way = Literal["none", "blur", "fourier"]
Number = Annotated[int, Field(ge=0)]

SMALL = 64
"""Pixels a side below which an image is too small for the blur and the jitter that suit photographs."""


class MaximizeOptions(BaseModel):
    """A unit is a class, or a channel or direction of a layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layer: str | None = Field(None, description="Layer of the study; by default the network's output, whose units are "
                              "classes.")  # fmt: skip
    channels: Annotated[int, Field(ge=1)] | Annotated[tuple[Number, ...], Field(min_length=1)] = Field(
        9, description="Units: a number, evenly over the layer, or a list."
    )
    direction: DirectionOptions | None = Field(None, description="Directions of the layer in place of channels.")
    of: Of = Field("activation", description="activation at the center of the map, its mean, or a class's probability.")
    ways: tuple[Way, ...] = Field(
        ("fourier", "blur", "none"), min_length=1, description="Priors; the grid shows the first, one row all of them."
    )
    steps: int | None = Field(None, ge=2, description="Steps of each way (default: 1,000 with blur, 512, and 256).")
    k: int = Field(4, ge=0, le=9, description="Strongest images beside each unit of a layer; 0 for none.")

    def drawn(self, units: int) -> Int[np.ndarray, " drawn"]:
        """The units that are maximized."""
        if self.direction is not None:
            return np.arange(len(self.direction.indices))
        return np.array(self.channels) if isinstance(self.channels, tuple) else evenly(units, self.channels)

    def prior(self, way: Way, side: int) -> Prior:
        """A way to climb for images of so many pixels a side."""
        small = side < SMALL
        # Yosinski's constant rates suit logits of photographs; elsewhere the toolbox's first setting, by progress.
        blur = Yosinski() if self.layer is None and not small else TABLE_1[0]
        ways: dict[Way, NoPrior | Fourier | Yosinski] = {
            "none": NoPrior(), "fourier": Fourier(jitter=side // 16 if small else 8), "blur": blur,
        }  # fmt: skip
        return ways[way] if self.steps is None else replace(ways[way], steps=self.steps)
