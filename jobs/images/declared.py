"""One transform as a study declares it: `- Grayscale`, `- Resize: {size: 256}` or `- module:callable`.

Names are looked up in an allow-list of torchvision.transforms.v2; code of the user's own runs only where the command
line allowed its module.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torchvision.transforms import v2  # type: ignore[import-untyped]

from jobs.errors import UserError, nearest
from jobs.images.paths import one_line

DTYPES = {"float32": torch.float32, "float16": torch.float16, "float64": torch.float64, "uint8": torch.uint8}
INTERPOLATIONS = {mode.value: mode for mode in v2.InterpolationMode}


def transform(
    where: str,
    item: object,
    allowed: tuple[str, ...],
    refused: Mapping[str, str],
    allow_code: tuple[str, ...],
) -> tuple[str, Callable[..., Any]]:
    """The item's name and its transform. `where` names the item in errors, as `images.preprocess[1]`.

    `refused` explains names that are known but not allowed here. Raises UserError for an unknown name, unknown or wrong
    options, or a module that the command line did not allow.
    """
    name, options = _parts(where, item)
    if ":" in name:
        return name, _code(where, name, options, allow_code)
    if name in refused:
        raise UserError(f"{where}: {name} {refused[name]}")
    if name not in allowed:
        raise UserError(
            f"{where}: {name!r} is not an allowed transform; {nearest(name, allowed)} "
            "Your own code runs as module:callable with --allow-code MODULE."
        )
    kind = getattr(v2, name)
    known = tuple(inspect.signature(kind).parameters)
    for option in options:
        if option not in known:
            raise UserError(f"{where}: {name} has no option {option!r}; {nearest(option, known)}")
    values = {option: _value(where, name, option, value) for option, value in options.items()}
    return name, _made(where, name, kind, values)


def _parts(where: str, item: object) -> tuple[str, dict[str, Any]]:
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping) and len(item) == 1:
        name, options = next(iter(item.items()))
        if isinstance(name, str) and isinstance(options, Mapping | None):
            return name, dict(options or {})
        raise UserError(
            f"{where}: {name} is given {options!r}; expected a mapping of its options, as Resize: {{size: 256}}. "
            "Name the option."
        )
    raise UserError(
        f"{where}: {item!r} is no transform; expected a name, or one name with its options, as Resize: {{size: 256}}. "
        "Begin each transform with a dash of its own."
    )


def _value(where: str, name: str, option: str, value: Any) -> Any:
    """torch's and torchvision's own constants, which YAML can only name."""
    table = {"dtype": DTYPES, "interpolation": INTERPOLATIONS}.get(option)
    if table is None or not isinstance(value, str):
        return value
    if value not in table:
        raise UserError(f"{where}: {name} has no {option} {value!r}; {nearest(value, list(table))}")
    return table[value]


def _made(where: str, name: str, kind: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{option}: {value}" for option, value in options.items())
        raise UserError(
            f"{where}: {name} does not take {{{shown}}} ({one_line(error)}). "
            f"Its options are {', '.join(inspect.signature(kind).parameters)}."
        ) from error


def _code(where: str, name: str, options: dict[str, Any], allow_code: tuple[str, ...]) -> Callable[..., Any]:
    """A class is made with the options, a function is called with them at every image."""
    module, _, attribute = name.partition(":")
    if module not in allow_code:
        raise UserError(
            f"{where}: {name} runs code of the module {module!r}; expected a transform of torchvision. "
            f"If you trust the module, add --allow-code {module} to the command line."
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"{where}: {name} cannot be imported ({one_line(error)}); expected a callable of an installed module. "
            "Correct the name, or install the module where the workers run."
        ) from error
    if not callable(found):
        raise UserError(f"{where}: {name} is {type(found).__name__}; expected a callable. Name a function or a class.")
    return _made(where, name, found, options) if isinstance(found, type) else partial(found, **options)
