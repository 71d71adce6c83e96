"""Work units, and the one binary tree in which their results are merged.

Node (level, position) covers units position * 2**level up to (position + 1) * 2**level, as far as there are units;
level 0 is the units themselves. The tree depends on the number of units alone, so that any order of work gives the
same bits. A node that would have one child is that child: nothing is copied up a level.
"""

from dataclasses import dataclass
from typing import NamedTuple

from cluster.errors import Refused


@dataclass(frozen=True)
class Unit:
    """Rows `start` up to `stop` of the images: one writer's work, numbered from 0."""

    index: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


class Node(NamedTuple):
    """A place in the merge tree."""

    level: int
    position: int


def cut(rows: int, size: int) -> list[Unit]:
    """Units of `size` rows that cover `rows`, the last perhaps shorter. Raises Refused where `size` is not positive."""
    if size < 1 or rows < 0:
        raise Refused(f"{rows} rows cannot be cut into units of {size}; give images.unit of at least 1.")
    starts = range(0, rows, size)
    return [Unit(index, start, min(start + size, rows)) for index, start in enumerate(starts)]


def levels(count: int) -> int:
    """Levels of the tree over `count` units, leaves included: 1 for one unit, 0 for none."""
    return (count - 1).bit_length() + 1 if count else 0


def settled(level: int, position: int, count: int) -> Node:
    """The node that (level, position) is, once levels with a single child are left out."""
    while level > 0 and (position * 2 + 1) << (level - 1) >= count:
        level, position = level - 1, position * 2
    return Node(level, position)


def children(level: int, position: int, count: int) -> list[Node]:
    """The two nodes merged into this one, left first; none for a unit."""
    level, position = settled(level, position, count)
    if level == 0:
        return []
    return [settled(level - 1, position * 2 + side, count) for side in (0, 1)]


def parent(level: int, position: int, count: int) -> Node | None:
    """The node that this one is merged into; None for the root."""
    own = settled(level, position, count)
    while level < levels(count) - 1:
        level, position = level + 1, position // 2
        above = settled(level, position, count)
        if above != own:
            return above
    return None


def root(count: int) -> Node:
    """The node that covers all `count` units (at least one)."""
    return settled(levels(count) - 1, 0, count)
