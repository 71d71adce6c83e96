"""Words by number: what a network reads and writes. 0 fills up the rows of a batch, 1 ends a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

PAD, END = 0, 1
SPECIAL = ("<pad>", "<end>")


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their numbers, the two special ones first."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]]) -> "Vocabulary":
        """Every word of the texts, sorted."""
        return cls((*SPECIAL, *sorted({word for text in texts for word in text})))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def number(self, word: str) -> int:
        """The word's number; KeyError for a word that is not in the vocabulary."""
        return self._numbers[word]

    def rows(self, texts: Sequence[Sequence[str]], length: int | None = None) -> Int[np.ndarray, "texts length"]:
        """One row a text: its words, the end, padding up to `length`, by default that of the longest with its end."""
        rows = np.full((len(texts), length or max(map(len, texts)) + 1), PAD, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text) + 1] = [*map(self.number, text), END]
        return rows

    def text(self, row: Iterable[int]) -> list[str]:
        """The words of a row up to its end, which is left out; `rows` undone."""
        words: list[str] = []
        for number in row:
            if number in (PAD, END):
                break
            words.append(self.words[number])
        return words
