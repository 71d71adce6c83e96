"""Options of `backprop`: which neuron is explained, by which methods, and what is kept."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from jobs.steps.unit_directions import DirectionOptions

Method = Literal[
    "gradient", "deconvnet", "guided", "input_x_gradient", "smoothgrad", "integrated_gradients", "grad_cam"
]
METHODS: tuple[Method, ...] = get_args(Method)

Number = Annotated[int, Field(ge=0)]


class BackpropOptions(BaseModel):
    """A neuron is a class, or a channel or direction of a layer at one position of each image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layer: str | None = Field(None, description="Layer of the study; by default the network's output, whose units are "
                              "classes.")  # fmt: skip
    channel: Number | Literal["predicted", "label"] = Field(
        "predicted", description="Channel or class; of the output the predicted class, or the image's own."
    )
    direction: DirectionOptions | None = Field(None, description="A direction of the layer in place of a channel.")
    position: Literal["argmax"] | tuple[Number, Number] = Field(
        "argmax", description="Where the neuron lies: where its map is largest, or [y, x]."
    )
    methods: tuple[Method, ...] = Field(
        ("gradient", "deconvnet", "guided"), min_length=1, description="Ways back to the pixels, each drawn."
    )
    images: int = Field(4, ge=1, le=64, description="Images to draw: the first of the study.")
    scale: Literal["image", "shared"] = Field(
        "image",
        description="Whether each drawn map has limits of its own, or those of a method are shared over images.",
    )
    overlay: bool = Field(False, description="Draw the sum over colors over the gray image, at opacity 0.5.")
    through: str | None = Field(
        None, description="Layer whose terms of the gradient cancel (default: in the middle of the network's layers)."
    )
    control: bool = Field(True, description="Repeat with random weights: what does not change explains the image only.")
    store: tuple[Method, ...] = Field((), description="Methods whose maps of every image are written to the store.")
    samples: int = Field(25, ge=1, description="Noisy copies of smoothgrad, and steps of integrated gradients.")
