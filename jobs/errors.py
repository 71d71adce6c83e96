"""The one error that a user may see: a single line with the value, what was expected and the next step."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Bad input. The command line prints the message and exits with 2."""


@contextmanager
def within(key: str) -> Iterator[None]:
    """Errors from inside name their place in the study: `arch: ...` becomes `nets.a.arch: ...`."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{key}.{error}") from error


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """A clause that helps with a misspelt name: the closest known one, else the first few."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(list(known)[:8]) + (", ..." if len(known) > 8 else "")
    return f"choose from {shown}" if known else "there are none"


class FailedError(Exception):
    """A run cannot finish although its study is right; what was committed stays."""
