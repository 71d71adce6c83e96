"""The operations of a network in the order in which they run, none of them in place.

Values are never written over, so that each operation may be run again on parts of its input.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from analysis.activations import INPUT, Layer


@dataclass(frozen=True, eq=False, repr=False)
class Operation:
    """One call, with the operations whose outputs it takes among its arguments."""

    kind: Any
    """The function; the class of a module; the name of a method, or `images` and `constant`, which read nothing."""
    call: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    module: nn.Module | None = None

    @property
    def sources(self) -> "list[Operation]":
        """Operations among the arguments, each once."""
        return list(dict.fromkeys(_operations([self.args, self.kwargs])))

    def run(self, values: "Mapping[Operation, Any]") -> Any:
        """The output for these outputs of the sources."""
        args, kwargs = _replaced((self.args, dict(self.kwargs)), values)
        return self.call(*args, **kwargs)


@dataclass(frozen=True, eq=False)
class Graph:
    """All operations; the first is the images."""

    operations: Sequence[Operation]
    output: Any
    """What the network returns, an operation in place of each tensor."""
    layers: Mapping[str, Sequence[Any]]
    """What each call of a module returned, by the module's name."""

    def layer(self, name: str | None) -> Operation:
        """The operation whose output is a layer's; None is the network's output.

        Raises RuntimeError for a layer that does not run, or runs more than once without a call being named, and
        TypeError where the output is no tensor.
        """
        if name == INPUT and INPUT not in self.layers:
            return self.operations[0]
        layer = Layer("") if name is None else Layer.parse(name)
        calls = [self.output] if name is None else self.layers.get(layer.module, ())
        if layer.call is None and len(calls) > 1:
            raise RuntimeError(
                f"Layer {name} runs more than once in a forward pass: name the call, {name}@0 or {name}@1."
            )
        if len(calls) <= (layer.call or 0):
            raise RuntimeError(f"Layer {name} did not run in the forward pass: choose another layer.")
        found = calls[layer.call or 0]
        if isinstance(found, tuple | list) and layer.item is not None:
            found = dict(enumerate(found)).get(layer.item)
        if isinstance(found, Operation):
            return found
        kind = type(found).__name__
        if name is None:
            raise TypeError(f"The network returns {kind}: name a layer instead.")
        raise TypeError(f"Layer {name} returns {kind}: name a tensor in it, as {layer.module}:0.")


def depending(on: Operation, operations: Sequence[Operation]) -> set[Operation]:
    """Those of some operations, in the order in which they run, whose output changes with that of one; with that."""
    found = {on}
    for operation in operations:
        if not found.isdisjoint(operation.sources):
            found.add(operation)
    return found


def needed_for(operations: Sequence[Operation]) -> list[Operation]:
    """These operations and all that they depend on, in the order in which they run."""
    found: dict[Operation, None] = {}

    def visit(operation: Operation) -> None:
        pending = [operation]
        while pending:
            last = pending[-1]
            missing = [source for source in last.sources if source not in found]
            if missing:
                pending += missing
            else:
                found[pending.pop()] = None

    for operation in operations:
        visit(operation)
    return list(found)


def _operations(value: Any) -> Iterator[Operation]:
    if isinstance(value, Operation):
        yield value
    elif isinstance(value, slice):
        yield from _operations([value.start, value.stop, value.step])
    elif isinstance(value, tuple | list | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _operations(item)


def _replaced(value: Any, values: Mapping[Operation, Any]) -> Any:
    if isinstance(value, Operation):
        return values[value]
    if isinstance(value, slice):
        return slice(*(_replaced(part, values) for part in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {key: _replaced(item, values) for key, item in value.items()}
    return type(value)(_replaced(item, values) for item in value) if isinstance(value, tuple | list) else value
