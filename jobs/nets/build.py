"""From the name of an architecture to a network, to the preprocessing that it expects and to its number of outputs.

A name is a built-in net, `torchvision:NAME`, `timm:NAME` or `module:callable`. Nothing is ever downloaded.
"""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError, validate_call
from torch import nn

from analysis.dynamics.seeding import seeded
from jobs.errors import UserError, nearest
from jobs.nets.convnet import convnet
from jobs.nets.fit import Shape, require_fit
from jobs.nets.lenet import lenet, lenet5, lenet300
from jobs.nets.mlp import mlp2d
from jobs.nets.options import NetSpec
from jobs.nets.resnet import cifar_preprocess, resnet8, resnet20, resnet32
from jobs.nets.vit import vit

Builder = Callable[..., nn.Module]

BUILT_IN: dict[str, Builder] = {
    function.__name__: function
    for function in (convnet, lenet300, lenet5, lenet, mlp2d, resnet8, resnet20, resnet32, vit)
}
"""Each takes (in_shape, classes) and its own options by keyword."""


def build(
    arch: str,
    in_shape: Shape,
    classes: int,
    options: dict[str, Any] | None = None,
    allow_code: tuple[str, ...] = (),
    seed: int = 0,
) -> nn.Module:
    """The network on the CPU in eval mode, with weights drawn from `seed`; the caller's generators stay as they were.

    in_shape: (C, H, W) of a preprocessed image; one is passed through. allow_code: modules that may be imported.
    Raises UserError for an unknown name, an option the net does not have, and images that do not go through it.
    """
    with seeded("cpu", seed):
        net = _dispatch(arch, in_shape, classes, options or {}, allow_code)
    net.eval()
    require_fit(arch, net, in_shape)
    return net


def default_preprocess(arch: str) -> Callable[[Any], Any] | None:
    """What the public weights of `arch` expect, PIL image to float32 (C, H, W); None for nets without such weights."""
    library, _, name = arch.partition(":")
    if library == "torchvision":
        from jobs.nets.from_torchvision import torchvision_preprocess

        return torchvision_preprocess(name)
    if library == "timm":
        from jobs.nets.from_timm import timm_preprocess

        return timm_preprocess(name)
    return cifar_preprocess if arch in ("resnet8", "resnet20", "resnet32") else None


def output_classes(net: NetSpec, image_classes: int) -> int:
    """How many outputs to build.

    `classes` of the study, else a library's own number for its nets that are not trained here, else the images'.
    """
    if net.classes is not None:
        return net.classes
    library, _, name = net.arch.partition(":")
    if library == "torchvision" and net.train is None:
        from jobs.nets.from_torchvision import torchvision_classes

        return torchvision_classes(name)
    if library == "timm" and net.train is None:
        from jobs.nets.from_timm import timm_classes

        return timm_classes(name)
    return image_classes


def _dispatch(
    arch: str, in_shape: Shape, classes: int, options: dict[str, Any], allow_code: tuple[str, ...]
) -> nn.Module:
    library, colon, name = arch.partition(":")
    if not colon:
        return _built_in(arch, in_shape, classes, options)
    if library == "torchvision":
        from jobs.nets.from_torchvision import torchvision_net

        return torchvision_net(name, classes, options)
    if library == "timm":
        from jobs.nets.from_timm import timm_net

        return timm_net(name, in_shape[0], classes, options)
    from jobs.nets.from_code import code_net

    return code_net(arch, in_shape, classes, options, allow_code)


def _built_in(arch: str, in_shape: Shape, classes: int, options: dict[str, Any]) -> nn.Module:
    if arch not in BUILT_IN:
        raise UserError(
            f"arch: there is no net {arch!r}; {nearest(arch, list(BUILT_IN))} "
            "Or write torchvision:NAME, timm:NAME or module:callable."
        )
    try:
        return validate_call(BUILT_IN[arch])(in_shape, classes, **options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = [name for name in BUILT_IN[arch].__annotations__ if name not in ("in_shape", "classes", "return")]
        raise UserError(
            f"options.{key}: {first['input']!r} does not suit {arch} ({first['msg']}); its options: {known or 'none'}."
        ) from error
