"""Scenes of two real digits with a caption whose words have a known place: `a three left of a seven`.

The digits are scikit-learn's; those of test scenes are of its test split. The one farther left comes first, where they
are farther apart sideways than upright; else the upper one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import BaseModel, ConfigDict, Field

from jobs.images.digits import Digits, DigitsOptions
from jobs.images.options import Split
from jobs.texts.vocabulary import Vocabulary

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
START = "<start>"
LEAST_DIFFERENCE = 2
"""Pixels between the distance sideways and upright: below, the caption would be a matter of taste."""


class ScenesOptions(BaseModel):
    """How many scenes of which size."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    train: int = Field(default=12_000, ge=1)
    """Scenes to train on."""
    test: int = Field(default=1_000, ge=1)
    """Scenes to test with, of other digits."""
    side: int = Field(default=32, ge=20)
    """Pixels of a scene each way; a digit has 8."""
    seed: int = Field(default=0, ge=0)
    """Draws digits and places."""


@dataclass(frozen=True)
class Scenes:
    """Pictures and what is where in them."""

    images: UInt8[np.ndarray, "scenes side side"]
    labels: Int[np.ndarray, "scenes 2"]
    """Of the two digits in the order of the caption."""
    boxes: Float[np.ndarray, "scenes 2 4"]
    """Top, left, bottom, right of the same, 0 to 1 of the picture."""
    captions: list[tuple[str, ...]]
    """After a first word, which is the same in all."""

    def steps(self) -> Int[np.ndarray, "scenes 2"]:
        """Which step of a decoder writes the name of which digit: 0 writes the word after the first."""
        return np.array([[1, len(caption) - 2] for caption in self.captions])


@dataclass(frozen=True)
class SceneSets:
    """All that a captioner is trained and judged by."""

    train: Scenes
    test: Scenes
    words: Vocabulary


def scenes(options: ScenesOptions) -> SceneSets:
    """Both sets, drawn by seed; the vocabulary is all that a caption may use."""
    generator = np.random.default_rng(options.seed)
    train = composed(*_digits("train"), options.train, options.side, generator)
    test = composed(*_digits("test"), options.test, options.side, generator)
    return SceneSets(train, test, Vocabulary.of([(START, "a", "left", "of", "above", *NAMES)]))


def composed(
    digits: UInt8[np.ndarray, "digits height width"],
    labels: Int[np.ndarray, " digits"],
    count: int,
    side: int,
    generator: np.random.Generator,
) -> Scenes:
    """`count` scenes of two digits each, which may be of one class but do not overlap."""
    size = np.array(digits.shape[1:])
    chosen = generator.integers(len(digits), size=(count, 2))
    corners = _corners(count, side - size, size, generator)
    down, right = np.abs(corners[:, 1] - corners[:, 0]).T
    beside = right > down
    swapped = np.where(beside, corners[:, 0, 1] > corners[:, 1, 1], corners[:, 0, 0] > corners[:, 1, 0])
    order = np.where(swapped[:, None], [1, 0], [0, 1])
    chosen, corners = np.take_along_axis(chosen, order, 1), np.take_along_axis(corners, order[..., None], 1)
    images = np.zeros((count, side, side), np.uint8)
    for image, pair, places in zip(images, chosen, corners, strict=True):
        for digit, (y, x) in zip(digits[pair], places, strict=True):
            image[y : y + size[0], x : x + size[1]] = digit
    boxes = np.concatenate([corners, corners + size], 2) / side
    named = labels[chosen]
    captions = [_caption(first, second, left) for (first, second), left in zip(named, beside, strict=True)]
    return Scenes(images, named, boxes, captions)


def _corners(
    count: int, last: Int[np.ndarray, " 2"], size: Int[np.ndarray, " 2"], generator: np.random.Generator
) -> Int[np.ndarray, "scenes 2 2"]:
    """(y, x) of the upper left corner of both digits of each scene; pairs that do not suit are drawn again."""
    corners = np.zeros((count, 2, 2), np.int64)
    bad = np.ones(count, bool)
    while bad.any():
        corners[bad] = generator.integers(last + 1, size=(int(bad.sum()), 2, 2))
        apart = np.abs(corners[:, 1] - corners[:, 0])
        bad = (apart < size).all(1) | (np.abs(apart[:, 0] - apart[:, 1]) < LEAST_DIFFERENCE)
    return corners


def _caption(first: int, second: int, beside: bool) -> tuple[str, ...]:
    relation = ("left", "of") if beside else ("above",)
    return (START, "a", NAMES[first], *relation, "a", NAMES[second])


def _digits(split: Split) -> tuple[UInt8[np.ndarray, "digits 8 8"], Int[np.ndarray, " digits"]]:
    source = Digits(DigitsOptions(split=split))
    entries = source.index()
    pictures = np.stack([np.asarray(source.load(entry)) for entry in entries])
    return pictures, np.array([entry.label for entry in entries])
