"""Whatever the order of commits, wherever a crash: the root has the bits of one walk over the fixed tree."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.blobs import Blobs
from cluster.errors import Damaged, MissingRows
from cluster.folder import Folder
from cluster.ledger import Arrays, Ledger
from cluster.merge import climb, root, sweep
from cluster.units import Node, children, levels
from cluster.units import root as tree_root

STEP = "step-0"


@pytest.fixture(scope="module", autouse=True)
def _no_flush() -> Iterator[None]:
    """Thousands of commits, and none of the crashes here is a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def add(left: Arrays, right: Arrays) -> Arrays:
    """Float addition of magnitudes from 1e-8 to 1e8: another tree gives other bits."""
    return {"sum": left["sum"] + right["sum"], "first": left["first"]}


def leaf(unit: int) -> Arrays:
    rng = np.random.default_rng(unit)
    return {"sum": rng.standard_normal(64) * 10.0 ** rng.integers(-8, 9, 64), "first": np.array(unit)}


def expected(count: int, skipped: frozenset[int] = frozenset()) -> Arrays:
    """The tree walked in memory."""

    def walk(node: Node) -> Arrays:
        pair = children(*node, count)
        if not pair:
            return {} if node.position in skipped else leaf(node.position)
        left, right = (walk(child) for child in pair)
        return add(left, right) if left and right else left or right

    return walk(tree_root(count))


def same_bits(found: Arrays | None, wanted: Arrays) -> None:
    assert found is not None
    assert {name: found[name].tobytes() for name in found} == {name: wanted[name].tobytes() for name in wanted}


def work(ledger: Ledger, unit: int, skipped: frozenset[int] = frozenset()) -> None:
    if unit in skipped:
        ledger.skip(unit, "poison")
    else:
        ledger.commit(unit, {"attempt": f"a{unit}"}, leaf(unit))
    climb(ledger, add, unit)


def test_the_merge_tells_trees_apart() -> None:
    in_order = leaf(0)
    for unit in range(1, 13):
        in_order = add(in_order, leaf(unit))
    assert in_order["sum"].tobytes() != expected(13)["sum"].tobytes()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 24).flatmap(lambda count: st.permutations(range(count))), st.data())
def test_any_order_gives_the_same_bits(order: list[int], data: st.DataObject) -> None:
    skipped = data.draw(st.frozensets(st.sampled_from(order), max_size=len(order) - 1))
    with tempfile.TemporaryDirectory() as place:
        ledger = Ledger(Folder(place), STEP, len(order))
        for unit in order:
            work(ledger, unit, skipped)
        same_bits(root(ledger, add), expected(len(order), skipped))
        assert ledger.nodes() == [tree_root(len(order))]
        assert ledger.missing() == []


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.integers(1, 4), st.randoms(use_true_random=False))
def test_few_arrays_are_there_at_any_time(count: int, workers: int, random: Any) -> None:
    """With w units in flight a unit is at most w - 1 places early."""
    with tempfile.TemporaryDirectory() as place:
        ledger = Ledger(Folder(place), STEP, count)
        waiting = list(range(count))
        while waiting:
            work(ledger, waiting.pop(random.randrange(min(workers, len(waiting)))))
            done = ledger.committed()
            early = len(done) - next((i for i, unit in enumerate(done) if unit != i), len(done))
            assert len(ledger.nodes()) <= early + levels(count)


def test_a_pair_is_merged_once_the_second_is_there(blobs: Blobs) -> None:
    ledger = Ledger(blobs, STEP, 3)
    work(ledger, 1)
    assert ledger.nodes() == [Node(0, 1)]
    work(ledger, 0)
    assert ledger.nodes() == [Node(1, 0)]
    work(ledger, 2)
    assert ledger.nodes() == [Node(2, 0)]
    same_bits(root(ledger, add), expected(3))
    same_bits(root(ledger, add), expected(3))


def test_the_root_finishes_what_nobody_climbed(blobs: Blobs) -> None:
    ledger = Ledger(blobs, STEP, 5)
    for unit in range(5):
        ledger.commit(unit, {"attempt": "a"}, leaf(unit))
    same_bits(root(ledger, add), expected(5))
    assert ledger.nodes() == [tree_root(5)]


def test_the_root_names_the_units_that_are_missing(tmp_path: Path) -> None:
    ledger = Ledger(Folder(tmp_path), STEP, 12)
    for unit in (0, 2):
        work(ledger, unit)
    with pytest.raises(MissingRows, match=r"lacks 10 of 12 units \(1, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)"):
        root(ledger, add)


def test_lost_arrays_are_no_identity(tmp_path: Path) -> None:
    ledger = Ledger(Folder(tmp_path), STEP, 2)
    for unit in (0, 1):
        ledger.commit(unit, {"attempt": "a"}, leaf(unit))
    ledger.delete_node(0, 1)
    with pytest.raises(Damaged, match=r"unit 1 but its arrays are gone; delete ledger/step-0/unit-00001\.json"):
        root(ledger, add)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_nothing_merges_to_nothing(tmp_path: Path, count: int) -> None:
    ledger = Ledger(Folder(tmp_path), STEP, count)
    for unit in range(count):
        work(ledger, unit, frozenset(range(count)))
    assert root(ledger, add) is None


class Crash(Exception):  # noqa: N818 (no error of the code under test)
    pass


class Crashing:
    """Blobs that die at the k-th change, before it is made or after."""

    def __init__(self, blobs: Blobs, changes: int, after: bool) -> None:
        self.blobs = blobs
        self.changes = changes
        self.after = after

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self.blobs, name)
        return self._counted(call) if name in ("write", "create", "delete") else call

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            if self.changes == 0 and not self.after:
                raise Crash
            answer = call(*args)
            if self.changes == 0:
                raise Crash
            self.changes -= 1
            return answer

        return counted


def run(ledger: Ledger, order: list[int], skipped: frozenset[int]) -> Arrays | None:
    sweep(ledger)
    missing = set(ledger.missing())
    for unit in order:
        if unit in missing:
            work(ledger, unit, skipped)
    return root(ledger, add)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [6, 1, 0, 5, 3, 2, 4]])
def test_a_crash_at_any_change_and_a_resume_give_the_same_bits(tmp_path: Path, order: list[int], after: bool) -> None:
    skipped = frozenset({3})
    crashes = 0
    while True:
        folder = Folder(tmp_path / str(crashes))
        try:
            run(Ledger(Crashing(folder, crashes, after), STEP, len(order)), order, skipped)
            break
        except Crash:
            crashes += 1
        ledger = Ledger(folder, STEP, len(order))
        (tmp_path / str(crashes - 1) / "ledger" / STEP).mkdir(parents=True, exist_ok=True)
        (tmp_path / str(crashes - 1) / "ledger" / STEP / "node-00-00001.npz.77.partial").write_bytes(b"torn")
        before = dict(ledger.records())
        same_bits(run(ledger, order, skipped), expected(len(order), skipped))
        assert ledger.nodes() == [tree_root(len(order))]
        assert not list(tmp_path.rglob("*.partial"))
        assert all(ledger.record(unit) == record for unit, record in before.items())
    # One record a unit, one leaf each that is not skipped, five merges, and two children gone with each of them.
    assert crashes >= 7 + 6 + 5 + 2 * 5


def test_a_sweep_keeps_what_is_still_needed(tmp_path: Path) -> None:
    ledger = Ledger(Folder(tmp_path), STEP, 8)
    for unit in (0, 1, 2, 3, 4):
        ledger.commit(unit, {"attempt": "a"}, leaf(unit))
    ledger.skip(6, "poison")
    ledger.write_node(0, 6, leaf(6))
    ledger.write_node(2, 0, {"sum": np.ones(64), "first": np.array(0)})
    ledger.write_node(1, 1, leaf(0))
    removed = sweep(ledger)
    assert ledger.nodes() == [Node(0, 4), Node(2, 0)]
    assert f"ledger/{STEP}/node-01-00001.npz" in removed
    assert len(removed) == 6


def test_a_pair_taken_by_another_process_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(Folder(tmp_path), STEP, 4)
    ledger.commit(0, {"attempt": "a"}, leaf(0))
    ledger.commit(1, {"attempt": "a"}, leaf(1))
    real = Ledger.read_node

    def raced(self: Ledger, level: int, position: int) -> Arrays | None:
        monkeypatch.setattr(Ledger, "read_node", real)
        climb(self, add, 1)
        return real(self, level, position)

    monkeypatch.setattr(Ledger, "read_node", raced)
    assert climb(ledger, add, 0) == Node(0, 0)
    assert ledger.nodes() == [Node(1, 0)]
    for unit in (2, 3):
        work(ledger, unit)
    same_bits(root(ledger, add), expected(4))
