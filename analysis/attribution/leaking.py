"""Where a rectifier is off its gradient is 0, and an image cannot climb; here its input is raised until it is on.

In an image of faint noise, half to three quarters of the units of a deep layer are off at a given position. In
ResNet-20 and SqueezeNet eight draws of ever stronger noise wake two thirds of them, the gradient of a deconvnet five in
six, that of leaking rectifiers all but one in two hundred. Blurs and shifts also put units to sleep on the way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

RECTIFIERS = frozenset({"relu", "relu6", "threshold", "clamp", "clamp_min", "clip"})

LEAK = 0.2
"""0.05 to 0.5 do alike; at 1, where it does not count which path is open, a quarter of the sleeping units stay off."""


@contextmanager
def leaking_rectifiers() -> Iterator[None]:
    """Inside, rectifiers give what they always give, and pass a fifth of the gradient back where they are off.

    Modules and functions alike, in place or not; not one that is written out (`x * (x > 0)`, `torch.maximum`).
    """
    with _Leaking():
        yield


class _Leaking(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "").partition(".")[0]  # torch.ops calls itself relu.default
        if name.strip("_") not in RECTIFIERS:
            return func(*args, **kwargs)
        x, rest = (args[0], args[1:]) if args else (kwargs.pop("input"), ())
        off = (x <= 0).to(x.dtype)
        y = func(x.clone(), *rest, **kwargs) + LEAK * off * (x - x.detach())
        return x.copy_(y) if kwargs.get("inplace") or name.endswith("_") else y
