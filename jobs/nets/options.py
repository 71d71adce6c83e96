"""One network of a study: its architecture, and where its weights come from (a file, training, or a seed)."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from analysis.dynamics.recipe import Optimizer, Schedule, TrainOptions
from jobs.images.options import Declared


class TrainSpec(BaseModel):
    """How to train: the options of the loop, what to do to the training images and which epochs to keep."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = Field(default=TrainOptions.seed, ge=0)
    """Order of the images, augmentation and dropout; the first weights too, unless the net has a seed of its own."""
    epochs: int = Field(default=TrainOptions.epochs, ge=1)
    """Passes over the training images."""
    batch: int = Field(default=TrainOptions.batch, ge=1)
    """Images a step, at most."""
    optimizer: Optimizer = TrainOptions.optimizer
    """Rule that moves the weights."""
    learning_rate: float | None = Field(default=TrainOptions.learning_rate, gt=0, allow_inf_nan=False)
    """Peak of the schedule; by default 0.05 for sgd, 0.001 for adam and adamw."""
    momentum: float = Field(default=TrainOptions.momentum, ge=0, lt=1)
    """Of sgd; adam and adamw keep torch's betas."""
    weight_decay: float = Field(default=TrainOptions.weight_decay, ge=0, allow_inf_nan=False)
    """Pull of every weight toward 0."""
    schedule: Schedule = TrainOptions.schedule
    """cosine: down to 0 at the end; step: a tenth after 50 % and a hundredth after 75 % of the steps; constant."""
    warmup: float = Field(default=TrainOptions.warmup, ge=0, allow_inf_nan=False)
    """Epochs of linear rise before the schedule."""
    augment: Declared | None = None
    """Random transforms of the preprocessed training images, in order; a `fill` is in their units, so that 0, the
    default, is the mean color after Normalize, and black its -mean / std."""
    checkpoints: list[int] | Literal["all"] | None = None
    """Epochs after which weights are kept; 0 is before training."""
    workers: int = Field(default=1, ge=1)
    """Processes that share each batch, on GPUs one each, by Ray Train (needs vitrine[train])."""
    images: dict[str, Any] | None = None
    """Images to train on, as `images:` of a study; by default the training split of the study's own."""

    @model_validator(mode="after")
    def _within_epochs(self) -> "TrainSpec":
        outside = [epoch for epoch in self.checkpoint_epochs() if not 0 <= epoch <= self.epochs]
        if outside:
            raise ValueError(
                f"checkpoints: epoch {outside[0]} is not in 0..{self.epochs}; raise epochs or leave it out"
            )
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup: {self.warmup} of {self.epochs} epochs leave none for the schedule; lower it")
        return self

    def checkpoint_epochs(self) -> list[int]:
        """The epochs to keep, in order, each once."""
        if self.checkpoints == "all":
            return list(range(self.epochs + 1))
        return sorted(set(self.checkpoints or []))

    def loop(self) -> TrainOptions:
        """The part that `analysis.dynamics.train` needs."""
        return TrainOptions(**{name: getattr(self, name) for name in TrainOptions.__dataclass_fields__})

    def recipe(self) -> dict[str, Any]:
        """All of it that decides the weights, as JSON: sums over several workers are rounded otherwise than one's."""
        shared = {"workers": self.workers} if self.workers > 1 else {}
        return asdict(self.loop()) | {"learning_rate": self.loop().peak, "augment": self.augment} | shared


class StepTrainSpec(TrainSpec):
    """How a step trains networks: many side by side, each by one process."""

    @field_validator("workers")
    @classmethod
    def _alone(cls, workers: int) -> int:
        if workers > 1:
            raise ValueError(f"{workers} would share one training, but those of a step run side by side; leave it out")
        return workers


class NetSpec(BaseModel):
    """One entry of `nets:`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    arch: str = Field(min_length=1)
    """A built-in net (convnet, lenet5, resnet20, ...), torchvision:NAME, timm:NAME or module:callable."""
    weights: Path | None = None
    """A safetensors file, or a torch file that holds tensors alone."""
    train: TrainSpec | None = None
    """Train it here; with neither weights nor train the weights are random, drawn from the seed."""
    checkpoints: dict[Annotated[int, Field(ge=0)], Path] = {}
    """Files of earlier weights beside `weights`, by step or epoch; `train.checkpoints` finds its own."""
    seed: int | None = Field(default=None, ge=0)
    """Draws the first weights; by default train.seed, else 0."""
    options: dict[str, Any] = {}
    """Passed to the architecture, as `width: 64` to convnet."""
    preprocess: Declared | None = None
    """Transforms for this net alone, in place of images.preprocess."""
    classes: int | None = Field(default=None, ge=1)
    """Number of outputs; by default the images' classes, or the library's for its nets that are not trained here."""

    @model_validator(mode="after")
    def _one_origin(self) -> "NetSpec":
        for other in ("train", "seed"):
            if self.weights is not None and getattr(self, other) is not None:
                raise ValueError(f"weights and {other} exclude each other; leave one out")
        if self.checkpoints and self.weights is None:
            raise ValueError("checkpoints: files of earlier weights need `weights`, the final ones; name that file too")
        return self

    def checkpoint_numbers(self) -> list[int]:
        """The epochs that training keeps, or the numbers of the files, ascending."""
        return self.train.checkpoint_epochs() if self.train else sorted(self.checkpoints)

    def first_seed(self) -> int:
        """The seed that draws the weights before training."""
        if self.seed is not None:
            return self.seed
        return self.train.seed if self.train else 0
