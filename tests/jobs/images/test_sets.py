"""Sets of images: ids by set, labels shared or kept apart, limits of their own, options of the whole in one place."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from jobs.errors import UserError
from jobs.images.sets import Sets, SetsOptions, set_of


def options(folder: Path, **changes: object) -> SetsOptions:
    """Digits, and an npz of three colored pictures in two classes."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    np.savez(folder / "x.npz", images=pictures, labels=np.array([0, 1, 1]))
    sets = {"digits": {"source": "digits", "limit": 5}, "noise": {"source": "npz", "file": str(folder / "x.npz")}}
    return SetsOptions.model_validate({"sets": sets, **changes})


def test_ids_begin_with_their_set(tmp_path: Path) -> None:
    entries = Sets(options(tmp_path)).index()
    assert [set_of(entry.id) for entry in entries] == ["digits"] * 5 + ["noise"] * 3
    assert len({entry.id for entry in entries}) == 8


def test_a_limit_takes_the_first_of_the_shuffle(tmp_path: Path) -> None:
    few, other = (Sets(options(tmp_path, seed=seed)).index() for seed in (0, 1))
    assert {entry.id for entry in few[:5]} != {entry.id for entry in other[:5]}
    assert few == Sets(options(tmp_path, seed=0)).index()


def test_classes_that_differ_are_kept_apart(tmp_path: Path) -> None:
    source = Sets(options(tmp_path))
    assert source.classes == (*(f"digits: {digit}" for digit in range(10)), "noise: 0", "noise: 1")
    assert [entry.label for entry in source.index()[5:]] == [10, 11, 11]


def test_classes_that_agree_are_shared() -> None:
    both = {"sets": {"a": {"source": "digits", "limit": 3}, "b": {"source": "digits", "limit": 4}}}
    source = Sets(SetsOptions.model_validate(both))
    assert source.classes == tuple(str(digit) for digit in range(10))
    assert max(entry.label for entry in source.index()) < 10


def test_one_colored_set_makes_all_colored(tmp_path: Path) -> None:
    source = Sets(options(tmp_path))
    assert {source.load(entry).mode for entry in source.index()} == {"RGB"}
    gray = Sets(options(tmp_path, mode="L"))
    assert {gray.load(entry).mode for entry in gray.index()} == {"L"}


def test_options_of_the_whole_stand_beside_the_sets(tmp_path: Path) -> None:
    given = options(tmp_path).model_dump(exclude_unset=True)
    given["sets"]["digits"]["batch"] = 8
    with pytest.raises(
        ValidationError, match=r"sets\.digits: batch holds for all sets together; write it beside `sets`"
    ):
        SetsOptions.model_validate(given)


def test_points_stand_with_points_alone(tmp_path: Path) -> None:
    both = {"a": {"source": "planar", "points": 4}, "b": {"source": "planar", "kind": "rings", "points": 6}}
    source = Sets(SetsOptions.model_validate({"sets": both}))
    assert {source.load(entry).mode for entry in source.index()} == {"F"}
    assert len(source.index()) == 2 * 4 + 2 * 6
    other = Sets(SetsOptions.model_validate({"sets": both, "seed": 1}))
    assert not {entry.digest for entry in source.index()} & {entry.digest for entry in other.index()}
    for given in ({"sets": both, "mode": "L"}, {"sets": {**both, "c": {"source": "digits"}}}):
        with pytest.raises(UserError, match=r"^images\.sets\.a: its images are points, the study's are pictures \("):
            Sets(SetsOptions.model_validate(given))
