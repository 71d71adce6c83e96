"""The manifest's order and groups follow from seed and ids alone."""

import hashlib
from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.errors import UserError
from jobs.images.digits import Digits, DigitsOptions
from jobs.images.manifest import BLOCK, Manifest, build_manifest, group
from jobs.images.source import Entry, Mode


class Listed:
    """A source that is a list of entries."""

    mode: Mode = "L"

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.classes = ("even", "odd")

    def index(self) -> list[Entry]:
        return self.entries

    def load(self, entry: Entry) -> Image.Image:
        raise AssertionError("a manifest decodes nothing")


def listed(images: int) -> list[Entry]:
    return [Entry(f"folder/{i:05d}.png", i % 2, f"digest {i}", i) for i in range(images)]


@given(st.integers(1, 1300), st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_listing_does_not_enter(images: int, seed: int, random: Random) -> None:
    entries = listed(images)
    expected = build_manifest(Listed(entries), seed)
    random.shuffle(entries)
    found = build_manifest(Listed(entries), seed)
    assert (found.entries, found.key) == (expected.entries, expected.key)
    assert sorted(found.entries, key=lambda entry: entry.id) == listed(images)


def test_groups_are_hashes_of_ids_and_lie_together_within_every_block() -> None:
    manifest = build_manifest(Listed(listed(1300)), seed=3)
    expected = [hashlib.sha256(entry.id.encode()).digest()[0] % 16 for entry in manifest.entries]
    assert manifest.groups.tolist() == expected
    assert set(expected) == set(range(16))
    for start in range(0, 1300, BLOCK):
        assert np.all(np.diff(manifest.groups[start : start + BLOCK].astype(int)) >= 0)


@pytest.mark.parametrize("limit", [1, 500, 512, 513, 1299, 1300, 5000])
def test_a_limit_keeps_a_subset_and_whole_blocks_in_place(limit: int) -> None:
    everything = build_manifest(Listed(listed(1300)), seed=0)
    some = build_manifest(Listed(listed(1300)), seed=0, limit=limit)
    whole = limit // BLOCK * BLOCK
    assert len(some) == min(limit, 1300)
    assert set(some.entries) <= set(everything.entries)
    assert some.entries[:whole] == everything.entries[:whole]


def test_the_shuffle_mixes_classes_that_come_one_after_another() -> None:
    entries = [Entry(f"{i // 1000}/{i:05d}", i // 1000, "", i) for i in range(10_000)]
    labels = [entry.label for entry in build_manifest(Listed(entries), seed=0, limit=1000).entries]
    counts = Counter(labels)
    # 100 of each are expected; 60 and 140 are more than four standard deviations away.
    assert all(60 < counts[label] < 140 for label in range(10))


def test_another_seed_is_another_order_of_the_same_images() -> None:
    a, b = (build_manifest(Listed(listed(1300)), seed) for seed in (0, 1))
    assert a.key != b.key
    assert set(a.entries) == set(b.entries)


def test_the_key_sees_id_label_digest_and_order_but_not_the_place() -> None:
    manifest = build_manifest(Listed(listed(20)), seed=0)

    def key(**change: object) -> str:
        first = replace(manifest.entries[0], **change)  # type: ignore[arg-type]
        return Manifest((first, *manifest.entries[1:]), manifest.groups, manifest.classes).key

    assert key() == key(place="elsewhere") == manifest.key
    assert len({key(), key(id="x"), key(label=7), key(digest="x")}) == 4
    assert Manifest(manifest.entries[::-1], manifest.groups, manifest.classes).key != manifest.key


def test_saved_and_loaded_it_is_the_same() -> None:
    odd = Entry(b"not-utf8-\xff\n.png".decode("utf-8", "surrogateescape"), -1, "d", "s.tar:512:7")
    manifest = build_manifest(Listed([*listed(600), odd]), seed=0)
    data = manifest.save()
    loaded = Manifest.load(data)
    assert (loaded.entries, loaded.classes, loaded.key) == (manifest.entries, manifest.classes, manifest.key)
    np.testing.assert_array_equal(loaded.groups, manifest.groups)
    assert loaded.save() == data


def test_damaged_bytes_are_refused() -> None:
    data = build_manifest(Listed(listed(5)), seed=0).save()
    for damaged in (b"", data[:-12], b"{}", data[:20] + b"\0" + data[21:]):
        with pytest.raises(UserError, match=r"manifest of images is damaged \(.*\); expected format 1, whole\. Remove"):
            Manifest.load(damaged)


def test_no_images_and_repeated_names_are_refused() -> None:
    with pytest.raises(UserError, match=r"images: the source holds 0 images; expected at least one\. Check its path"):
        build_manifest(Listed([]), seed=0)
    with pytest.raises(UserError, match=r"images: 2 images are named 'folder/00000\.png'; expected each name once\."):
        build_manifest(Listed([*listed(3), *listed(1)]), seed=0)


def test_order_and_groups_never_change() -> None:
    # Stored results are keyed by these: other values here orphan every run on disk.
    assert [group(id) for id in ("digits/00042", "cat/1.jpg", "cifar10/test/00001")] == [14, 3, 4]
    first = [entry.id for entry in build_manifest(Digits(DigitsOptions()), seed=0).entries[:3]]
    assert first == ["digits/01781", "digits/00010", "digits/00326"]
