"""So many of a thing, in words."""

from jobs.counted import counted


def test_one_of_a_thing_has_no_s() -> None:
    assert [counted(n, "unit") for n in (0, 1, 2, 2000)] == ["0 units", "1 unit", "2 units", "2,000 units"]
