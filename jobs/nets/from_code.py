"""`module:callable`: a net of the user's own, from a module that the command line allows by name."""

import hashlib
import importlib.util
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from jobs.errors import UserError, nearest
from jobs.images.paths import one_line


def code_net(
    arch: str, in_shape: tuple[int, int, int], classes: int, options: dict[str, Any], allow_code: tuple[str, ...]
) -> nn.Module:
    """Call `callable(**options)`, with `in_shape` (C, H, W) and `classes` where it has arguments of these names."""
    module_name, _, name = arch.partition(":")
    if module_name not in allow_code:
        raise UserError(f"arch: {arch} runs code of {module_name}; allow it with `--allow-code {module_name}`.")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"arch: cannot import {module_name} ({one_line(error)}); put its folder on PYTHONPATH."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserError(f"arch: {module_name} has no callable {name!r}; {nearest(name, known)}")
    try:
        asked = inspect.signature(function).parameters
        given = {key: value for key, value in {"in_shape": in_shape, "classes": classes}.items() if key in asked}
        net = function(**(given | options))
    except (TypeError, ValueError) as error:
        raise UserError(f"options: {arch} refuses {options} ({one_line(error)}).") from error
    if not isinstance(net, nn.Module):
        raise UserError(f"arch: {arch} gave a {type(net).__name__}, expected a torch.nn.Module.")
    return net


def code_digest(arch: str, allow_code: tuple[str, ...]) -> str | None:
    """sha256 of the file behind `module:callable`, so that an edited net is another net; None for all other names."""
    module_name, colon, _ = arch.partition(":")
    if not colon or module_name not in allow_code:
        return None
    origin = getattr(importlib.util.find_spec(module_name), "origin", None)
    return hashlib.sha256(Path(origin).read_bytes()).hexdigest() if origin and Path(origin).is_file() else None
