"""The embedded digits are scikit-learn's, with a fixed stratified split."""

import numpy as np
from sklearn.datasets import load_digits  # type: ignore[import-untyped]

from jobs.images.digits import Digits, DigitsOptions


def test_pixels_and_labels_are_scikit_learns() -> None:
    source, data = Digits(DigitsOptions()), load_digits()
    entries = source.index()
    assert [entry.label for entry in entries] == data.target.tolist()
    assert (entries[42].id, len(entries), source.mode) == ("digits/00042", 1797, "L")
    for row in (0, 42, 1796):
        pixels = np.asarray(source.load(entries[row]), dtype=float)
        # 0..16 becomes 0..255 in whole steps, so it is off by half a step at most.
        np.testing.assert_allclose(pixels * 16 / 255, data.images[row], atol=0.5 * 16 / 255)


def test_the_split_is_disjoint_complete_and_stratified() -> None:
    train, test = (Digits(DigitsOptions(split=split)).index() for split in ("train", "test"))
    everything = Digits(DigitsOptions()).index()
    assert sorted([*train, *test], key=lambda entry: entry.id) == everything
    assert len(test) == 360
    shares = np.bincount([entry.label for entry in test]) / np.bincount([entry.label for entry in everything])
    assert np.all(np.abs(shares - 0.2) < 0.01)


def test_a_test_row_loads_the_same_from_either_split() -> None:
    everything, test = Digits(DigitsOptions()), Digits(DigitsOptions(split="test", mode="RGB"))
    entry = test.index()[7]
    assert test.load(entry).convert("L").tobytes() == everything.load(entry).tobytes()
