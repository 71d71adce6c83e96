"""Whole numbers, evenly spaced."""

from jobs.evenly import evenly


def test_as_many_as_asked_from_end_to_end() -> None:
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly(1000, 16)[[0, -1]].tolist() == [0, 999]
    assert len(evenly(1000, 16)) == 16


def test_never_more_than_there_are() -> None:
    assert evenly(3, 9).tolist() == [0, 1, 2]
    assert evenly(5, 1).tolist() == [0]
    assert evenly(0, 4).tolist() == []
