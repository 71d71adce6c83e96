"""A network's operations by torch.fx, with in-place ones replaced by what they stand for.

After an operation in place, what the network calls by the old name is the operation's output. Views of what is
written over are not followed: compare the values of a graph with the network's own before use.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter, getitem
from typing import Any

import torch
from torch import Tensor, fx, nn

from analysis.attribution.incremental.graph import Graph, Operation

SAME_LAYERS = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
SAME_METHODS = ("contiguous", "clone", "detach")
"""Layers and methods whose output has the values of their input, in eval mode."""


class UntraceableError(Exception):
    """The operations of a network cannot be listed; the message says why."""


def traced(net: nn.Module) -> Graph:
    """The operations of a network in eval mode, whose modules the graph shares. Raises UntraceableError."""
    tracer = _Tracer()
    try:
        # A copy, since tracing gives its root an attribute for each constant that it meets.
        nodes = tracer.trace(copy.copy(net))
        return _listed(nodes, tracer)
    except Exception as error:  # the network's own code runs on stand-ins for tensors, and may fail in any way
        raise UntraceableError(str(error)) from error


class _Tracer(fx.Tracer):
    """Keeps what each module returned."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[str, list[Any]] = defaultdict(list)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        self.outputs[self.path_of_module(m)].append(output)
        return output


class _Method:
    """A method of its first argument."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.name == "view" and not isinstance(args[0] if args else None, torch.dtype):
            return tensor.reshape(*args, **kwargs)  # maps are channels last, of which there are few views
        return getattr(tensor, self.name)(*args, **kwargs)


def _listed(nodes: fx.Graph, tracer: _Tracer) -> Graph:
    modules = dict(tracer.root.named_modules())
    made: dict[fx.Node, Operation] = {}
    current: dict[fx.Node, Operation] = {}  # what a node's tensor holds by now
    operations, output = list[Operation](), None
    for node in nodes.nodes:
        args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), current.__getitem__)  # type: ignore[arg-type]
        if node.op == "output":
            output = args[0]
        elif _hands_on(node, modules):
            made[node] = current[node] = args[0]
        else:
            operation, in_place = _operation(node, modules, args, dict(kwargs))
            operation = _keeping_axis(operation)
            operations.append(operation)
            made[node] = current[node] = operation
            if in_place:
                current |= {earlier: operation for earlier, now in current.items() if now is args[0]}
    layers = {name: [_by_operations(call, made) for call in calls] for name, calls in tracer.outputs.items()}
    return Graph(operations, output, layers)


def _hands_on(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether the output has the values of the input; nothing is written over, so that it may be the input."""
    target: Any = node.target
    if node.op == "call_module":
        return isinstance(modules[target], SAME_LAYERS)
    return target in SAME_METHODS or (target is nn.functional.dropout and node.kwargs.get("training") is False)


def _operation(
    node: fx.Node, modules: Mapping[str, nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Operation, bool]:
    """What a node does, and whether the network does it in place."""
    target: Any = node.target
    if "out" in kwargs:
        raise UntraceableError(f"{target} writes into its arguments")
    if node.op == "placeholder":
        return Operation("images", lambda *default: default[0], args), False
    if node.op == "get_attr":
        return Operation("constant", partial(attrgetter(target), modules[""])), False
    if node.op == "call_module":
        module = modules[target]
        in_place = bool(getattr(module, "inplace", False))
        if in_place:
            module = copy.copy(module)
            module.inplace = False  # type: ignore[assignment]
        return Operation(type(module), module, args, kwargs, module), in_place
    name = target if node.op == "call_method" else getattr(target, "__name__", "")
    if name.endswith("_") and not name.endswith("__") and hasattr(Tensor, name):
        if not hasattr(Tensor, name[:-1]):
            raise UntraceableError(f"{name} has no counterpart that writes nothing")
        return Operation(name[:-1], _Method(name[:-1]), args, kwargs), True
    if node.op == "call_method":
        return Operation(name, _Method(name), args, kwargs), False
    in_place = bool(kwargs.get("inplace"))
    return Operation(target, target, args, kwargs | {"inplace": False} if in_place else kwargs), in_place


def _keeping_axis(operation: Operation) -> Operation:
    """x[:, k].unsqueeze(1) as x[:, k : k + 1], which is a map; so torchvision's GoogLeNet takes its colors apart."""
    match operation.args:
        case (Operation(kind=source, args=(maps, (slice() as images, int(k)))), 1) if (
            operation.kind in (torch.unsqueeze, "unsqueeze") and source is getitem and images == slice(None)
        ):
            return Operation(getitem, getitem, (maps, (slice(None), slice(k, k + 1 or None))))
    return operation


def _by_operations(value: Any, made: Mapping[fx.Node, Operation]) -> Any:
    if isinstance(value, fx.Proxy):
        return made[value.node]
    return tuple(_by_operations(item, made) for item in value) if isinstance(value, tuple | list) else value
