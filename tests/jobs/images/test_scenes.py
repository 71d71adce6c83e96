"""Scenes hold the digits where the boxes say, and captions say what is seen."""

import numpy as np
import pytest
from pydantic import ValidationError

from jobs.images.digits import Digits, DigitsOptions
from jobs.images.scenes import NAMES, Scenes, ScenesOptions, composed, scenes
from jobs.texts.vocabulary import SPECIAL

OPTIONS = ScenesOptions(train=300, test=200)


@pytest.fixture(scope="module")
def test_scenes() -> Scenes:
    return scenes(OPTIONS).test


def cut(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    top, left, bottom, right = np.rint(box * len(image)).astype(int)
    return image[top:bottom, left:right]


def test_boxes_hold_whole_digits_of_the_test_split_and_nothing_is_beside_them(test_scenes: Scenes) -> None:
    source = Digits(DigitsOptions(split="test"))
    known = {(np.asarray(source.load(entry)).tobytes(), entry.label) for entry in source.index()}
    for image, labels, boxes in zip(test_scenes.images, test_scenes.labels, test_scenes.boxes, strict=True):
        for label, box in zip(labels, boxes, strict=True):
            assert (cut(image, box).tobytes(), int(label)) in known
        assert sum(cut(image, box).sum(dtype=int) for box in boxes) == image.sum(dtype=int)


def test_captions_say_what_is_where(test_scenes: Scenes) -> None:
    relations = set()
    rows = zip(test_scenes.captions, test_scenes.labels, test_scenes.boxes, test_scenes.steps(), strict=True)
    for caption, labels, (first, second), steps in rows:
        start, *words = caption
        assert start == "<start>"
        assert [words[step] for step in steps] == [NAMES[label] for label in labels]
        down, right = second[:2] - first[:2]
        relations.add(relation := tuple(words[2:-2]))
        if relation == ("left", "of"):
            assert right > abs(down)
        else:
            assert relation == ("above",)
            assert down > abs(right)
    assert len(relations) == 2
    assert len({tuple(pair) for pair in test_scenes.labels.tolist()}) > 50


def test_scenes_are_drawn_by_seed_and_their_sets_share_no_digit() -> None:
    one, same, other = (scenes(options) for options in (OPTIONS, OPTIONS, OPTIONS.model_copy(update={"seed": 1})))
    np.testing.assert_array_equal(one.train.images, same.train.images)
    assert one.test.captions == same.test.captions
    assert not np.array_equal(one.train.images, other.train.images)
    assert one.words == other.words
    digits = [
        {cut(image, box).tobytes() for image, boxes in zip(part.images, part.boxes, strict=True) for box in boxes}
        for part in (one.train, one.test)
    ]
    assert not digits[0] & digits[1]


def test_every_caption_is_made_of_the_vocabulary() -> None:
    sets = scenes(OPTIONS)
    used = {word for caption in (*sets.train.captions, *sets.test.captions) for word in caption}
    assert used | set(SPECIAL) == set(sets.words.words)


def test_digits_of_any_size_can_be_composed() -> None:
    drawn = composed(np.full((1, 28, 28), 7, np.uint8), np.array([4]), 5, 80, np.random.default_rng(0))
    assert drawn.images.shape == (5, 80, 80)
    assert (drawn.images == 7).sum() == 5 * 2 * 28 * 28
    np.testing.assert_allclose(drawn.boxes[:, :, 2:] - drawn.boxes[:, :, :2], 28 / 80)


def test_a_side_too_short_for_two_digits_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 20"):
        ScenesOptions(side=19)
