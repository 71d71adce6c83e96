"""The options that every source of images has; each source adds its own beside its code."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Split = Literal["all", "train", "test"]
Fingerprint = Literal["content", "stat"]
Declared = list[str | dict[str, dict[str, Any] | None]]


class ImagesOptions(BaseModel):
    """Which images a study runs on, how many, in which order, and what is done to them first."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    limit: int | None = Field(default=None, ge=1)
    """The first so many images of the shuffled manifest; all of them if left out."""
    seed: int = 0
    """Seed of the shuffle."""
    max_bad: float = Field(default=0.01, ge=0, le=1)
    """Largest share (0-1) of images that may fail to decode before the run fails."""
    unit: int = Field(default=512, ge=1)
    """Images in a work unit: what one worker takes, commits and may have to repeat."""
    batch: int = Field(default=32, ge=1)
    """Images in one forward pass."""
    preprocess: Declared | None = None
    """Transforms of torchvision.transforms.v2, in order; the network's own if left out."""
    mode: Literal["RGB", "L"] | None = None
    """Channels of the pictures, RGB or L; the source's own if left out."""
