"""Results merged up the fixed tree while units are still being worked on, from any process and in any order.

A parent is written before its children's arrays go, and every node's bytes follow from the units below it alone, so a
crash between any two writes, or two processes merging at once, costs work and never changes a bit of the result.
"""

from collections.abc import Callable
from typing import TypeAlias

from cluster.errors import Damaged, MissingRows
from cluster.ledger import Arrays, Ledger
from cluster.units import Node, children, parent
from cluster.units import root as tree_root

Merge: TypeAlias = Callable[[Arrays, Arrays], Arrays]


def climb(ledger: Ledger, merge: Merge, unit: int) -> Node:
    """After `unit` was committed: merges upward while both children are there. Returns the highest node reached."""
    node = Node(0, unit)
    while (above := parent(*node, ledger.units)) is not None:
        pair = children(*above, ledger.units)
        if not all(_ready(ledger, child) for child in pair):
            break
        left, right = (_held(ledger, child) for child in pair)
        if left is None or right is None:  # Another process merged this pair between the two looks.
            break
        _replace(ledger, above, _joined(merge, left, right))
        node = above
    return node


def root(ledger: Ledger, merge: Merge) -> Arrays | None:
    """The merged arrays of all units; None where none has any. Merges what is left, then leaves only the root's arrays.

    Raises MissingRows, naming the units that are not committed.
    """
    if missing := ledger.missing():
        raise MissingRows(
            f"{ledger.name} lacks {len(missing)} of {ledger.units} units ({listed(missing)}); run the study again."
        )
    if ledger.units == 0:
        return None
    arrays = _finished(ledger, merge, tree_root(ledger.units))
    sweep(ledger)
    return arrays or None


def sweep(ledger: Ledger) -> list[str]:
    """Removes what a crash left: arrays already merged into a node above, arrays of skipped units, partial writes.

    Returns what was removed. Only while no unit is in flight.
    """
    removed = ledger.blobs.sweep(ledger.prefix)
    nodes = set(ledger.nodes())
    for node in sorted(nodes):
        if _merged(node, nodes, ledger.units) or (node.level == 0 and _passed_over(ledger, node.position)):
            ledger.delete_node(*node)
            removed.append(f"{ledger.prefix}/node-{node.level:02d}-{node.position:05d}.npz")
    return removed


def listed(units: list[int], most: int = 8) -> str:
    """Units for a message: the first `most` of them."""
    return ", ".join(str(unit) for unit in units[:most]) + (", ..." if len(units) > most else "")


def _finished(ledger: Ledger, merge: Merge, node: Node) -> Arrays:
    """A node's arrays, looked for from the top: what a parent holds, its children need not."""
    if node.level == 0:
        held = _held(ledger, node)
        if held is None:
            raise Damaged(
                f"{ledger.name} committed unit {node.position} but its arrays are gone; "
                f"delete {ledger.prefix}/unit-{node.position:05d}.json to compute it again."
            )
        return held
    arrays = ledger.read_node(*node)
    if arrays is None:
        left, right = (_finished(ledger, merge, child) for child in children(*node, ledger.units))
        arrays = _joined(merge, left, right)
        _replace(ledger, node, arrays)
    return arrays


def _replace(ledger: Ledger, node: Node, arrays: Arrays) -> None:
    ledger.write_node(*node, arrays)
    for child in children(*node, ledger.units):
        ledger.delete_node(*child)


def _joined(merge: Merge, left: Arrays, right: Arrays) -> Arrays:
    """No arrays are the identity: so a skipped unit, or a tree of them, changes nothing."""
    return merge(left, right) if left and right else left or right


def _ready(ledger: Ledger, node: Node) -> bool:
    """Cheaper than reading: most climbs end at a sibling that is not there yet."""
    if node.level > 0:
        return ledger.has_node(*node)
    record = ledger.record(node.position)
    return record is not None and (not record["arrays"] or ledger.has_node(*node))


def _held(ledger: Ledger, node: Node) -> Arrays | None:
    """A node's arrays, empty for a unit committed without any; None where they are not here."""
    if node.level == 0:
        record = ledger.record(node.position)
        if record is None:
            return None
        if not record["arrays"]:
            return {}
    return ledger.read_node(*node)


def _passed_over(ledger: Ledger, unit: int) -> bool:
    record = ledger.record(unit)
    return record is not None and not record["arrays"]


def _merged(node: Node, nodes: set[Node], count: int) -> bool:
    above = parent(*node, count)
    while above is not None:
        if above in nodes:
            return True
        above = parent(*above, count)
    return False
