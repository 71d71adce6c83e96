"""A network's operations as stages: a rule, and what follows it position by position while its values are at hand."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.incremental.call import Call
from analysis.attribution.incremental.convolution import Convolution
from analysis.attribution.incremental.graph import Operation, depending
from analysis.attribution.incremental.patches import Rows
from analysis.attribution.incremental.positionwise import Positionwise, Scaling
from analysis.attribution.incremental.recognition import rule_of
from analysis.attribution.incremental.rule import Rule

RELU = (nn.ReLU, functional.relu, torch.relu, "relu")


@dataclass(frozen=True, eq=False)
class Stage:
    """One operation, or several that run as one. Its value is that of the last."""

    operations: Sequence[Operation]
    maps: Sequence[Operation]
    """Sources of the first that depend on the images."""
    rule: Rule | None
    """None: run as the network does, on whole values of every window, or a mean."""
    follow: Sequence[Positionwise] = ()
    mean: tuple[int, ...] | None = None
    """Shape of one mean over all positions, where that is what the operation makes."""

    @property
    def output(self) -> Operation:
        """Whose value it makes."""
        return self.operations[-1]

    def then(self, rows: Rows) -> Tensor:
        """What follows the rule; writes over rows that are nobody else's."""
        own = self.rule is not None and self.rule.fresh
        for rule in self.follow:
            rows = rows.relu_() if own and rule.operation.kind in RELU else rule.rows([rows])
            own = own or rule.fresh
        return rows


def staged(
    images: Operation, operations: Sequence[Operation], values: Mapping[Operation, Any], read: Collection[Operation]
) -> list[Stage]:
    """Stages of all operations that depend on the images; `values` are those of one run, or stand-ins of their shape.

    What is in `read` is the value of a stage.
    """
    changing = depending(images, operations)
    users = Counter(source for operation in operations for source in operation.sources)
    stages: dict[Operation, Stage] = {}
    for operation in operations:
        maps = [source for source in operation.sources if source in changing]
        if not maps:
            continue
        call = Call(operation, maps, values)
        rule = rule_of(call)
        before = stages.get(maps[0])
        if before and users[maps[0]] == 1 and maps[0] not in read and (joined := _joined(before, operation, rule)):
            del stages[maps[0]]
            stages[operation] = joined
        else:
            mean = tuple(values[operation].shape[1:]) if call.is_global_mean else None
            stages[operation] = Stage([operation], maps, rule, mean=mean)
    return list(stages.values())


def _joined(before: Stage, operation: Operation, rule: Rule | None) -> Stage | None:
    """The stage with an operation behind it, where that needs the position's own value only."""
    if before.rule is None or not isinstance(rule, Positionwise) or len(rule.maps) > 1:
        return None
    operations = [*before.operations, operation]
    if isinstance(rule, Scaling) and isinstance(before.rule, Convolution) and not before.follow:
        return replace(before, operations=operations, rule=before.rule.followed_by(rule.scale, rule.shift))
    return replace(before, operations=operations, follow=[*before.follow, rule])
