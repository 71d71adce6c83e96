"""What a comparison asks for: measures by name, how SVCCA truncates, whether maps are compared by frequency."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.similarity.measures import MEASURES, MeasureName
from jobs.steps.layer_pairs import PAIRS, Asked
from jobs.steps.pairwise import Fourier

BY_FREQUENCY = ("svcca", "cca")
"""Measures that can be taken at each frequency."""


class CompareOptions(BaseModel):
    """Which layers, which measures, and how they are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, str] | None = Field(
        None, description="Two networks of the study, or one twice (default: its first two)."
    )
    pairs: Asked = Field("same", description=PAIRS)
    measures: tuple[MeasureName, ...] = Field(("svcca", "cka"), min_length=1, description="Measures of similarity.")
    variance: float = Field(0.99, gt=0, le=1, description="Share of each layer's variance that SVCCA keeps.")
    rule: Literal["squared", "unsquared"] = Field(
        "squared", description="Variance of squared singular values, or of unsquared ones as the SVCCA authors' code."
    )
    fourier: Fourier = Field(
        False,
        description="Compare maps at each frequency. true: layers of equal size at all frequencies; a number m: at "
        "those that a map of m x m holds, which layers of different size share.",
    )
    draws: int = Field(200, ge=100, description="Bootstrap draws an interval.")
    max_images: int = Field(2000, ge=10, description="Images of the measures that compare every two images.")
    neighbors: int = Field(10, ge=1, description="Nearest neighbors of an image.")
    by_set: bool = Field(False, description="Also for each set of images apart, where images.source is sets.")
    aligned: bool = Field(False, description="Draw the first two aligned directions over the images (stored layers).")

    @model_validator(mode="after")
    def _by_frequency(self) -> "CompareOptions":
        other = [name for name in self.measures if name not in BY_FREQUENCY]
        if self.fourier is not False and other:
            raise ValueError(
                f"fourier: {other[0]} is not taken by frequency; leave it to a step of its own, or choose "
                f"from {', '.join(BY_FREQUENCY)}"
            )
        if self.aligned and self.fourier is not False:
            raise ValueError("aligned: directions at each frequency are not drawn; leave fourier or aligned out")
        if self.aligned and not self.from_sums:
            raise ValueError("aligned: directions follow from sums; add svcca to measures, or leave aligned out")
        if self.aligned and self.pairs == "all":
            raise ValueError("aligned: drawn for pairs that are named or the same, not for all; leave aligned out")
        return self

    @property
    def from_sums(self) -> tuple[MeasureName, ...]:
        """Measures that follow from sums over images."""
        return tuple(name for name in self.measures if MEASURES[name].reads == "comoments")

    @property
    def from_distances(self) -> tuple[MeasureName, ...]:
        """Measures that compare every two images."""
        return tuple(name for name in self.measures if MEASURES[name].reads == "distances")
