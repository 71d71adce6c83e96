"""Texts to rows of numbers and back."""

import pytest

from jobs.texts.vocabulary import END, PAD, Vocabulary

TEXTS = [("a", "bee", "sees"), ("bee",), ()]


def test_rows_go_back_to_texts() -> None:
    words = Vocabulary.of(TEXTS)
    assert words.words == ("<pad>", "<end>", "a", "bee", "sees")
    rows = words.rows(TEXTS)
    assert rows.tolist() == [[2, 3, 4, END], [3, END, PAD, PAD], [END, PAD, PAD, PAD]]
    assert [tuple(words.text(row)) for row in rows] == TEXTS
    assert words.rows(TEXTS, 6)[:, :4].tolist() == rows.tolist()
    assert not words.rows(TEXTS, 6)[:, 4:].any()


def test_unknown_words_and_rows_too_short_are_refused() -> None:
    words = Vocabulary.of(TEXTS)
    with pytest.raises(KeyError, match="wasp"):
        words.rows([("wasp",)])
    with pytest.raises(ValueError, match="broadcast"):
        words.rows(TEXTS, 3)
