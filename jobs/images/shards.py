"""The files that a shard pattern names: braces (`{000..146}`, `{a,b}`) as in a shell, then `*`, `?` and `[...]`."""

import os
import re
from glob import glob, has_magic
from math import prod
from pathlib import Path

from jobs.errors import UserError

MOST_SHARDS = 100_000
BRACES = re.compile(r"\{([^{}]*)\}")


def expanded(option: str, pattern: str) -> tuple[Path, list[str]]:
    """The folder that holds all shards and each shard's path below it; UserError where one is missing.

    Numbered braces keep the width of their first number and are in that order; a glob's files are sorted.
    """
    files = list(dict.fromkeys(file for part in _unbraced(option, pattern) for file in _matching(option, part)))
    absolute = [os.path.abspath(file) for file in files]
    root = os.path.commonpath([os.path.dirname(file) for file in absolute])
    return Path(root), [Path(file).relative_to(root).as_posix() for file in absolute]


def _unbraced(option: str, pattern: str) -> list[str]:
    pieces = BRACES.split(pattern)
    choices = [_choices(option, text) if odd % 2 else [text] for odd, text in enumerate(pieces)]
    count = prod(len(choice) for choice in choices)
    if count > MOST_SHARDS:
        raise UserError(
            f"{option}: {pattern!r} names {count} shards; expected at most {MOST_SHARDS}. Check the braces' numbers."
        )
    paths = [""]
    for choice in choices:
        paths = [path + text for path in paths for text in choice]
    return paths


def _choices(option: str, braced: str) -> list[str]:
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", braced)
    if numbers is None and "," in braced:
        return braced.split(",")
    if numbers is None or int(numbers[2]) < int(numbers[1]) or int(numbers[2]) - int(numbers[1]) >= MOST_SHARDS:
        raise UserError(
            f"{option}: cannot expand {{{braced}}}; expected at most {MOST_SHARDS} ascending numbers {{000..146}} "
            "or a list {a,b}. Correct the braces."
        )
    return [f"{number:0{len(numbers[1])}d}" for number in range(int(numbers[1]), int(numbers[2]) + 1)]


def _matching(option: str, pattern: str) -> list[str]:
    path = os.path.expanduser(pattern)
    if os.path.isfile(path):
        return [path]
    files = sorted(file for file in glob(path) if os.path.isfile(file)) if has_magic(path) else []
    if not files:
        raise UserError(
            f"{option}: no file is named {path!r}; expected tar shards. "
            f"Correct {option}, or set VITRINE_DATA where the path is built from it."
        )
    return files
