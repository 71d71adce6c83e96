"""Every source that is one set of images, by its name in the study: `images: {source: digits}`."""

from typing import Annotated

from pydantic import Field

from jobs.images.cifar10 import Cifar10, Cifar10Options
from jobs.images.digits import Digits, DigitsOptions
from jobs.images.imagefolder import ImageFolder, ImageFolderOptions
from jobs.images.mnist import Mnist, MnistOptions
from jobs.images.npz import Npz, NpzOptions
from jobs.images.planar import PlanarOptions, PlanarPoints
from jobs.images.source import Source
from jobs.images.tar import Tar, TarOptions

SingleSpec = Annotated[
    DigitsOptions | Cifar10Options | MnistOptions | ImageFolderOptions | NpzOptions | TarOptions | PlanarOptions,
    Field(discriminator="source"),
]


def open_single(spec: SingleSpec, key: str = "images") -> Source:
    """The source that `spec` names; UserError where its files are missing. `key` is the spec's place in the study.

    Cheap and free of images: large arrays and shards are read by `index` and `load`, in the process that calls them.
    """
    match spec:
        case DigitsOptions():
            return Digits(spec)
        case Cifar10Options():
            return Cifar10(spec, key)
        case MnistOptions():
            return Mnist(spec, key)
        case ImageFolderOptions():
            return ImageFolder(spec, key)
        case NpzOptions():
            return Npz(spec, key)
        case TarOptions():
            return Tar(spec, key)
        case PlanarOptions():
            return PlanarPoints(spec)
