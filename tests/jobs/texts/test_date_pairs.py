"""The same seed draws the same pairs; no day is both learned and tested."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from jobs.texts.date_pairs import DatesOptions, date_pairs, true_links
from jobs.texts.dates import links, written
from jobs.texts.vocabulary import PAD

FEW = DatesOptions(train=60, test=20)


def test_pairs_are_drawn_by_seed() -> None:
    one, same, other = (date_pairs(options) for options in (FEW, FEW, FEW.model_copy(update={"seed": 1})))
    assert (one.train, one.test) == (same.train, same.test)
    assert one.train != other.train
    assert (len(one.train), len(one.test)) == (60, 20)
    assert len({pair.day for pair in (*one.train, *one.test)}) == 80
    assert {pair.source_language for pair in one.train} == set(FEW.sources)
    assert {pair.target_language for pair in one.train} == set(FEW.targets)


def test_a_pair_is_one_day_in_both_languages() -> None:
    pairs = date_pairs(FEW)
    for pair in pairs.test:
        assert pair.source == written(pair.day, pair.source_language)
        assert pair.target == written(pair.day, pair.target_language)
        source, target = pair.words()
        assert target[0] == f"<{pair.target_language}>"
        assert len(target) == len(pair.target) + 1
        assert pairs.source_words.text(pairs.source_words.rows([source])[0]) == source
        assert pairs.target_words.text(pairs.target_words.rows([target])[0]) == target
    places, words = pairs.lengths()
    rows = pairs.target_words.rows([pair.words()[1] for pair in (*pairs.train, *pairs.test)], words)
    assert (rows[:, -1] != PAD).any()
    assert places == 1 + max(len(pair.source) for pair in (*pairs.train, *pairs.test))


def test_links_stand_beside_attention() -> None:
    pairs = date_pairs(FEW).test
    found = true_links(pairs, 14, 12)
    for sure, possible, pair in zip(*found, pairs, strict=True):
        own = links(pair.target, pair.source)
        targets, sources = own.sure.shape
        np.testing.assert_array_equal(sure[:targets, :sources], own.sure)
        np.testing.assert_array_equal(possible[:targets, :sources], own.possible)
        assert sure.sum() == own.sure.sum()
        assert possible.sum() == own.possible.sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_year": 2000, "last_year": 2001, "train": 800}, "need as many days, 2000 to 2001 has 731"),
        ({"first_year": 999}, "greater than or equal to 1000"),
        ({"targets": []}, "at least 1 item"),
        ({"source": "en"}, "Extra inputs"),
    ],
)
def test_options_that_do_not_suit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DatesOptions.model_validate(options)
