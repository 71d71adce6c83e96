"""Paths that a study names: a missing one is an error that names its option."""

import os
from pathlib import Path
from typing import Literal

from jobs.errors import UserError

Kind = Literal["file", "folder", "any"]


def existing(option: str, path: Path, kind: Kind, expected: str) -> Path:
    """The path with `~` expanded; UserError unless it is there and readable. `expected` says what it should be."""
    found = path.expanduser()
    if not found.exists():
        cause = "does not exist"
    elif kind == "folder" and not found.is_dir():
        cause = "is not a folder"
    elif kind == "file" and not found.is_file():
        cause = "is not a file"
    elif not os.access(found, os.R_OK):
        cause = "may not be read (permission denied)"
    else:
        return found
    raise UserError(
        f"{option}: {str(path)!r} {cause}; expected {expected}. "
        f"Correct {option}, or set VITRINE_DATA where the path is built from it."
    )


def one_line(error: BaseException) -> str:
    """An exception's text on a single line, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
