"""`torchvision:NAME`: any classification net of torchvision, and the preprocessing that its weights expect."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torchvision import models  # type: ignore[import-untyped]

from jobs.errors import UserError, nearest
from jobs.images.paths import one_line

# These two warn, and take seconds, unless told how to initialize.
_SLOW_START = ("googlenet", "inception_v3")


def names() -> list[str]:
    """The classification nets of the installed torchvision."""
    return models.list_models(module=models)


def require_known(name: str) -> None:
    """Refuse a name that is not among them."""
    if name not in names():
        raise UserError(f"arch: torchvision has no classification net {name!r}; {nearest(name, names())}")


def torchvision_net(name: str, classes: int, options: dict[str, Any]) -> nn.Module:
    """The net without weights: nothing is downloaded. `options` go to torchvision's own builder."""
    require_known(name)
    if name in _SLOW_START:
        options = {"init_weights": False} | options
    try:
        return models.get_model(name, weights=None, num_classes=classes, **options)
    except (TypeError, ValueError) as error:
        raise UserError(f"options: torchvision:{name} refuses {options} ({one_line(error)}).") from error


def torchvision_preprocess(name: str) -> Callable[[Any], Any]:
    """The transforms of the net's default weights: PIL image to float32 (3, H, W)."""
    require_known(name)
    return models.get_model_weights(name).DEFAULT.transforms()


def torchvision_classes(name: str) -> int:
    """How many classes the default weights tell apart: 1,000 of ImageNet for all of today's."""
    require_known(name)
    return len(models.get_model_weights(name).DEFAULT.meta["categories"])
