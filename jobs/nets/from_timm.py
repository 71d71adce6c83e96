"""`timm:NAME`: any net of PyTorch Image Models, where the extra `timm` is installed."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from torch import nn

from jobs.errors import UserError, nearest
from jobs.images.paths import one_line


def _timm() -> ModuleType:
    try:
        return import_module("timm")
    except ImportError as error:
        raise UserError("arch: timm is not installed; install the extra with `pip install vitrine[timm]`.") from error


def timm_net(name: str, channels: int, classes: int, options: dict[str, Any]) -> nn.Module:
    """The net without weights: nothing is downloaded. `options` go to timm.create_model."""
    timm = _timm()
    if not timm.is_model(name.split(".")[0]):
        raise UserError(f"arch: timm has no net {name!r}; {nearest(name, timm.list_models())}")
    try:
        return timm.create_model(name, pretrained=False, num_classes=classes, in_chans=channels, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"options: timm:{name} refuses {options} ({one_line(error)}).") from error


def timm_preprocess(name: str) -> Callable[[Any], Any]:
    """The evaluation transforms of the net's pretrained configuration: PIL image to float32 (3, H, W)."""
    data = _timm().data
    return data.create_transform(**data.resolve_data_config(pretrained_cfg=_configuration(name)))


def timm_classes(name: str) -> int:
    """How many classes the pretrained configuration tells apart."""
    return int(_configuration(name).get("num_classes", 1000))


def _configuration(name: str) -> dict[str, Any]:
    configuration = _timm().get_pretrained_cfg(name)
    if configuration is None:
        raise UserError(
            f"arch: timm has no configuration for {name!r}; declare images.preprocess and classes yourself."
        )
    return configuration.to_dict()
