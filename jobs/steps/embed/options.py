"""Options of `embed`: what the points are, how they come to the plane, what is drawn."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.embedding.methods import MethodName


class EmbedOptions(BaseModel):
    """A map of images for every layer, or one map of the units of all layers together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(("*",), min_length=1, description="Layers of the study, globs allowed.")
    points: Literal["images", "units"] = Field(
        "images",
        description="images: as a layer represents them, a map the mean of its sampled positions; units: as they "
        "respond to all samples, standardized.",
    )
    methods: tuple[MethodName, ...] = Field(
        ("tsne", "pca", "isomap", "infomax"),
        min_length=1,
        description="Ways to the plane, on the same points; infomax maximizes a bound of the information of neighbors, "
        "infomax_gaussian its Gaussian estimate, which is no bound unless points are Gaussian.",
    )
    perplexity: float = Field(30.0, gt=1, description="Effective neighbors of a point in t-SNE.")
    neighbors: int = Field(15, ge=2, description="Neighbors in Isomap's graph and in the pairs of infomax.")
    components: int = Field(50, ge=2, description="Principal components that all methods start from.")
    images: int = Field(5000, ge=50, description="Images in a map of images, drawn by the study's seed.")
    held_out: float = Field(
        0.25, ge=0, lt=1, description="Share of the points that no map is made from; they are placed in it afterwards."
    )
    thumbnails: int = Field(600, ge=0, le=1500, description="Images laid on a grid by the first method; 0 for none.")
    color: Literal["class", "layer", "net"] | None = Field(
        None, description="Images by class; units by layer, or by net (the default where there are several)."
    )
    matches: bool = Field(True, description="Join units of two networks that match one-to-one, layer by layer.")

    @model_validator(mode="after")
    def _colors_fit(self) -> "EmbedOptions":
        if self.color is not None and (self.color == "class") != (self.points == "images"):
            fitting = "class" if self.points == "images" else "layer or net"
            raise ValueError(f"color: {self.color} is nothing that {self.points} have; write color: {fitting}")
        return self
