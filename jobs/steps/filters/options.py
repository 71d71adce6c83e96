"""Options of `filters`: which layers' weights are drawn, how many of them, and in what order."""

from pydantic import BaseModel, ConfigDict, Field


class FiltersOptions(BaseModel):
    """Layers are modules of the networks: any convolution, and a first fully connected layer as whole images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Convolutions by module name, globs allowed, whether studied or not (default: the first layer "
        "with weights of each network, which is always in the table and beside those of the others).",
    )
    filters: int | None = Field(
        None, ge=1, description="Filters of a layer, at most (default: 96 of a first layer, 32 of a deeper one)."
    )
    inputs: int = Field(64, ge=1, description="Input channels of a deeper layer's filters, at most.")
    match: str | None = Field(
        None,
        description="A second network of the study: filters come in the order of their correlation with its filters, "
        "best first; activations of layers of the study decide.",
    )
    fits: int = Field(
        100, ge=1, description="Filters that are fit by Gabors, at most: of a first layer and of noise of its size."
    )
