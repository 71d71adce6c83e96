"""Pairs of one date in two languages, drawn by seed: what a small translator learns from and is tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.texts.dates import Links, Token, links, written
from jobs.texts.vocabulary import Vocabulary


class DatesOptions(BaseModel):
    """Which dates, how many, from which language into which."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sources: tuple[str, ...] = Field(default=("en", "es", "hu"), min_length=1)
    """Languages to translate from, as Babel names them; each pair has one. These differ in the order of the fields."""
    targets: tuple[str, ...] = Field(default=("de", "lt", "tr", "iso"), min_length=1)
    """Languages to translate into; each pair has one. iso is 2015-03-14."""
    train: int = Field(default=20_000, ge=1)
    """Pairs to train on."""
    test: int = Field(default=1_000, ge=1)
    """Pairs to test with; their dates are not among the others."""
    first_year: int = Field(default=1000, ge=1000, le=9999)
    """With years from 1000 to 9999 no digit of a year can be guessed from the one before."""
    last_year: int = Field(default=9999, ge=1000, le=9999)
    seed: int = Field(default=0, ge=0)
    """Draws dates and languages."""

    @model_validator(mode="after")
    def _enough_days(self) -> "DatesOptions":
        if self.train + self.test > self.days:
            raise ValueError(
                f"train: {self.train} + {self.test} pairs need as many days, {self.first_year} to {self.last_year} has "
                f"{self.days}; lower train or widen the years"
            )
        return self

    @property
    def days(self) -> int:
        """How many days the years have."""
        return date(self.last_year, 12, 31).toordinal() - date(self.first_year, 1, 1).toordinal() + 1


@dataclass(frozen=True)
class DatePair:
    """One date, written twice."""

    day: date
    source_language: str
    target_language: str

    @cached_property
    def source(self) -> tuple[Token, ...]:
        """What is read."""
        return written(self.day, self.source_language)

    @cached_property
    def target(self) -> tuple[Token, ...]:
        """What is written."""
        return written(self.day, self.target_language)

    def words(self) -> tuple[list[str], list[str]]:
        """Of the source, and of the target after a first word that names its language: `<de>`."""
        source, target = ([token.text for token in side] for side in (self.source, self.target))
        return source, [start(self.target_language), *target]


@dataclass(frozen=True)
class DatePairs:
    """All that a translator is trained and judged by."""

    train: list[DatePair]
    test: list[DatePair]
    source_words: Vocabulary
    target_words: Vocabulary

    def lengths(self) -> tuple[int, int]:
        """Width of the rows that hold any of the sources and of the targets, with their ends."""
        words = [pair.words() for pair in (*self.train, *self.test)]
        return max(len(source) for source, _ in words) + 1, max(len(target) for _, target in words) + 1


def start(language: str) -> str:
    """The word before every text in that language."""
    return f"<{language}>"


def date_pairs(options: DatesOptions) -> DatePairs:
    """Distinct days, test and training apart, each with two languages. UserError for a language that CLDR lacks."""
    generator = np.random.default_rng(options.seed)
    first = date(options.first_year, 1, 1).toordinal()
    days = generator.choice(options.days, options.train + options.test, replace=False)
    chosen = generator.integers((len(options.sources), len(options.targets)), size=(len(days), 2))
    pairs = [
        DatePair(date.fromordinal(first + day), options.sources[source], options.targets[target])
        for day, (source, target) in zip(days.tolist(), chosen, strict=True)
    ]
    texts = [pair.words() for pair in pairs]
    vocabularies = [Vocabulary.of(text[side] for text in texts) for side in (0, 1)]
    return DatePairs(pairs[: options.train], pairs[options.train :], *vocabularies)


def true_links(pairs: Sequence[DatePair], steps: int, places: int) -> Links:
    """The links of all pairs as arrays (pairs, steps, places) beside attention: step 0 writes the first token."""
    found = Links(*np.zeros((2, len(pairs), steps, places), bool))
    for number, pair in enumerate(pairs):
        for all_links, own in zip(found, links(pair.target, pair.source), strict=True):
            all_links[number, : own.shape[0], : own.shape[1]] = own
    return found
