"""Units cover the rows; the merge tree covers the units, once each, in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import Refused
from cluster.units import Node, Unit, children, cut, levels, parent, root

counts = st.integers(1, 300)


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(1, 600))
def test_units_cover_every_row_once(rows: int, size: int) -> None:
    units = cut(rows, size)
    assert [row for unit in units for row in range(unit.start, unit.stop)] == list(range(rows))
    assert [unit.index for unit in units] == list(range(len(units)))
    assert all(unit.rows == size for unit in units[:-1])


def test_the_last_unit_may_be_short() -> None:
    assert cut(1000, 512) == [Unit(0, 0, 512), Unit(1, 512, 1000)]


def test_units_of_no_rows_are_refused() -> None:
    with pytest.raises(Refused, match=r"units of 0; give images\.unit"):
        cut(10, 0)


def _leaves(node: Node, count: int) -> list[int]:
    pair = children(*node, count)
    return [leaf for child in pair for leaf in _leaves(child, count)] if pair else [node.position]


@settings(deadline=None)
@given(counts)
def test_the_tree_holds_every_unit_once_and_in_order(count: int) -> None:
    assert _leaves(root(count), count) == list(range(count))


@settings(deadline=None)
@given(counts)
def test_every_node_has_two_children_that_know_it(count: int) -> None:
    def visit(node: Node) -> int:
        pair = children(*node, count)
        assert len(pair) in (0, 2)
        assert all(parent(*child, count) == node for child in pair)
        return 1 + sum(visit(child) for child in pair)

    assert parent(*root(count), count) is None
    assert visit(root(count)) == 2 * count - 1


@settings(deadline=None)
@given(counts)
def test_the_tree_is_as_low_as_can_be(count: int) -> None:
    assert 2 ** (levels(count) - 1) >= count > (2 ** (levels(count) - 2) if count > 1 else 0)
    assert root(count).level == levels(count) - 1


def test_a_node_with_one_child_is_that_child() -> None:
    assert children(3, 0, 5) == [Node(2, 0), Node(0, 4)]
    assert levels(0) == 0
