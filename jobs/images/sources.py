"""Every source of images by its name in the study, one set or several: `images: {source: digits}`."""

from typing import Annotated

from pydantic import Field

from jobs.images.sets import Sets, SetsOptions
from jobs.images.single import (
    Cifar10Options,
    DigitsOptions,
    ImageFolderOptions,
    MnistOptions,
    NpzOptions,
    PlanarOptions,
    TarOptions,
    open_single,
)
from jobs.images.source import Source

ImagesSpec = Annotated[
    DigitsOptions
    | Cifar10Options
    | MnistOptions
    | ImageFolderOptions
    | NpzOptions
    | TarOptions
    | PlanarOptions
    | SetsOptions,
    Field(discriminator="source"),
]


def open_source(spec: ImagesSpec, key: str = "images") -> Source:
    """The source that the study names; UserError where its files are missing. `key` is the spec's place in the study.

    Cheap and free of images: large arrays and shards are read by `index` and `load`, in the process that calls them.
    """
    return Sets(spec, key) if isinstance(spec, SetsOptions) else open_single(spec, key)
