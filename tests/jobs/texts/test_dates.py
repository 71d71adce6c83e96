"""Dates are what Babel prints and read back as the same day; links join what says the same."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import UserError
from jobs.texts.dates import Field, Token, full_text, language_name, links, written

LANGUAGES = ("en", "de", "es", "fr", "hu", "tr", "fi", "lt", "eu", "ja", "pt", "vi", "iso")
DAYS = st.dates(date(1000, 1, 1), date(9999, 12, 31))


def read(tokens: Iterable[Token], language: str) -> dict[Field, int | str]:
    """Numbers from digits and their places, names as they stand, by field."""
    found: dict[Field, int | str] = {}
    for field, group in groupby(tokens, lambda token: token.field):
        if field:
            parts = list(group)
            digits = sum(int(part.text) * 10**part.place for part in parts if part.place is not None)
            found[field] = parts[0].text if parts[0].place is None else digits
    return found


@settings(deadline=None)
@given(DAYS, st.sampled_from(LANGUAGES))
def test_a_written_date_is_babels_text_without_spaces(day: date, language: str) -> None:
    text = "".join(token.text for token in written(day, language))
    assert "".join(text.split()) == "".join(full_text(day, language).split())


@settings(deadline=None)
@given(DAYS, st.sampled_from(LANGUAGES))
def test_a_written_date_can_be_read_back(day: date, language: str) -> None:
    found = read(written(day, language), language)
    assert (found["day"], found["year"]) == (day.day, day.year)
    months = [read(written(date(2001, month, 1), language), language)["month"] for month in range(1, 13)]
    assert months.index(found["month"]) + 1 == day.month
    weekdays = [read(written(date(2001, 1, 1 + number), language), language).get("weekday") for number in range(7)]
    assert language == "iso" or weekdays.index(found["weekday"]) == day.weekday()


def names(day: date, source: str, target: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Sure links and those possible beyond them, as pairs of texts (target, source)."""
    to, by = written(day, target), written(day, source)
    truth = links(to, by)
    found = [{(to[t].text, by[s].text) for t, s in zip(*np.nonzero(m), strict=True)} for m in truth]
    return found[0], found[1] - found[0]


def test_links_of_words_digits_and_a_digit_that_the_source_leaves_out() -> None:
    sure, possible = names(date(1987, 3, 4), "en", "de")
    same = {(digit, digit) for digit in "19874"}
    assert sure == same | {("Mittwoch", "Wednesday"), ("März", "March")}
    assert possible == set()
    sure, possible = names(date(1987, 3, 4), "en", "iso")
    assert sure == same | {("0", "March"), ("3", "March")}
    assert possible == {("0", "4")}
    assert names(date(1987, 3, 4), "iso", "en")[0] == same | {("March", "0"), ("March", "3")}


@settings(deadline=None)
@given(DAYS, st.sampled_from(LANGUAGES), st.sampled_from(LANGUAGES))
def test_every_word_with_content_has_its_link_and_no_mark_has_one(day: date, source: str, target: str) -> None:
    to, by = written(day, target), written(day, source)
    truth = links(to, by)
    said = {token.field for token in by} - {None}
    expected = [token.field in said for token in to]
    np.testing.assert_array_equal(truth.possible.any(1), expected)
    assert not (truth.sure & ~truth.possible).any()
    for row, token in zip(truth.possible, to, strict=True):
        assert all(by[place].field == token.field for place in np.flatnonzero(row))


@settings(deadline=None)
@given(DAYS, st.sampled_from(LANGUAGES))
def test_a_text_is_linked_to_itself_one_to_one(day: date, language: str) -> None:
    tokens = written(day, language)
    truth = links(tokens, tokens)
    np.testing.assert_array_equal(truth.sure, np.diag([token.field is not None for token in tokens]))
    np.testing.assert_array_equal(truth.possible, truth.sure)


@pytest.mark.parametrize("language", ["xx", "deutsch", ""])
def test_a_language_that_cldr_lacks_is_refused(language: str) -> None:
    with pytest.raises(UserError, match=f"^language: CLDR has no '{language}'; expected a code as de or pt_BR, or iso"):
        written(date(2015, 3, 14), language)


def test_languages_have_english_names() -> None:
    assert [language_name(language) for language in ("hu", "pt_BR", "iso")] == [
        "Hungarian", "Portuguese (Brazil)", "ISO 8601"
    ]  # fmt: skip
