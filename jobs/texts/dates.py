"""A date as a language writes it, in words and digits, and which word of one language is which of another.

Formats and names are CLDR's, by Babel. A format is a sequence of fields and literals, so the true links between two
ways to write one date are known: weekday to weekday, month to month, and of day and year each digit to the digit of
its place.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, get_date_format, tokenize_pattern
from jaxtyping import Bool

from jobs.errors import UserError

Field = Literal["weekday", "day", "month", "year"]
FIELDS: dict[str, Field] = {"E": "weekday", "c": "weekday", "d": "day", "M": "month", "L": "month", "y": "year"}
"""By the letters of CLDR's patterns; each has two for a weekday and a month, inside a date and standing alone."""

ISO = "iso"
ISO_PATTERN = "y-MM-dd"


class Token(NamedTuple):
    """A word, a digit or a mark."""

    text: str
    field: Field | None = None
    """None for what belongs to the format: `de`, a comma, a point."""
    place: int | None = None
    """Of a digit in its number, 0 for ones; None for words and marks."""


def written(day: date, language: str) -> tuple[Token, ...]:
    """The date in the language's full format, or as `iso`; without the spaces, a field of words is one token."""
    return tuple(token for piece in _pieces(day, language) for token in piece)


def full_text(day: date, language: str) -> str:
    """The same as people read it, by Babel in one call. Raises UserError for a language that CLDR does not have."""
    return format_date(day, ISO_PATTERN, "en") if language == ISO else format_date(day, "full", _locale(language))


def language_name(language: str) -> str:
    """What the language is called in English; UserError as `full_text`."""
    return "ISO 8601" if language == ISO else str(_locale(language).english_name)


class Links(NamedTuple):
    """Which token of the target says what which token of the source says."""

    sure: Bool[np.ndarray, "*pairs targets sources"]
    possible: Bool[np.ndarray, "*pairs targets sources"]
    """Sure ones, and for a digit that the source does not write, as the 0 of 04, its whole field."""


def links(target: tuple[Token, ...], source: tuple[Token, ...]) -> Links:
    """The truth about two ways to write one date; what belongs to a format is linked to nothing."""
    same = np.array([[t.field is not None and t.field == s.field for s in source] for t in target])
    places = np.array([[None in (t.place, s.place) or t.place == s.place for s in source] for t in target])
    sure = same & places
    return Links(sure, np.where(sure.any(1, keepdims=True), sure, same))


def _pieces(day: date, language: str) -> list[list[Token]]:
    pieces = []
    for _, value in _pattern(language):
        if isinstance(value, str):
            pieces.append([Token(mark) for mark in re.findall(r"\w+|[^\w\s]", value)])
            continue
        letter, count = value
        text = format_date(day, letter * count, "en" if language == ISO else _locale(language))
        field = FIELDS[letter]
        if text.isdecimal():
            pieces.append([Token(digit, field, len(text) - 1 - number) for number, digit in enumerate(text)])
        else:
            pieces.append([Token(text, field)])
    return pieces


@lru_cache
def _pattern(language: str) -> list[tuple[str, str | tuple[str, int]]]:
    """Fields as (letter, length), and between them what belongs to the format, as text."""
    pattern = ISO_PATTERN if language == ISO else get_date_format("full", _locale(language)).pattern
    return tokenize_pattern(pattern)


@lru_cache
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError) as error:
        raise UserError(
            f"language: CLDR has no {language!r}; expected a code as de or pt_BR, or {ISO}. Correct it."
        ) from error
