"""Which rule an operation of a network follows; None for one that is run on whole maps only."""

from collections.abc import Callable, Sequence
from operator import add, getitem, mul, sub, truediv
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.incremental.call import Call
from analysis.attribution.incremental.convolution import Convolution
from analysis.attribution.incremental.positionwise import Positionwise, Scaling
from analysis.attribution.incremental.rectangles import MOST_CHANNELS, Rectangles
from analysis.attribution.incremental.rule import Rule
from analysis.attribution.incremental.sliding import Picking, Pooling
from analysis.attribution.incremental.spans import Axis
from analysis.attribution.incremental.winograd import Winograd
from analysis.attribution.rules import ACTIVATIONS


def rule_of(call: Call) -> Rule | None:
    """The rule, where an operation that is known makes maps from maps."""
    recognized = KINDS.get(call.operation.kind)
    if recognized is None or not call.is_between_maps or call.is_global_mean:
        return None
    return recognized(call)


def _pair(numbers: Sequence[int] | int) -> tuple[int, int]:
    return (numbers, numbers) if isinstance(numbers, int) else (numbers[0], numbers[-1])


def _axes(call: Call, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> tuple[Axis, Axis]:
    sizes = call.source.shape[2:], call.output.shape[2:]
    rows, columns = zip(*map(_pair, (kernel, stride, padding, dilation)), *sizes, strict=True)
    return Axis(*rows), Axis(*columns)


def _convolution(call: Call) -> Rule | None:
    given = call.given("weight bias stride padding dilation groups padding_mode")
    weight, bias, padding = given["weight"], given["bias"], given["padding"] or 0
    if not isinstance(weight, Tensor) or given["padding_mode"] not in (None, "zeros"):
        return None
    kernel, dilation, groups = weight.shape[2:], given["dilation"] or 1, given["groups"] or 1
    if padding == "same":
        reach = [(side - 1) * step for side, step in zip(kernel, _pair(dilation), strict=True)]
        if any(each % 2 for each in reach):
            return None
        padding = [each // 2 for each in reach]
    rows, columns = _axes(call, kernel, given["stride"] or 1, 0 if padding == "valid" else padding, dilation)
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    if not isinstance(bias, Tensor):
        return None
    return _fastest(rows, columns, weight, groups)(rows, columns, weight.detach(), bias.detach(), groups)


def _fastest(rows: Axis, columns: Axis, weight: Tensor, groups: int) -> type[Convolution]:
    if groups > 1 or (weight.shape[1] <= MOST_CHANNELS and rows.kernel * columns.kernel > 1):
        return Rectangles
    return Winograd if Winograd.fits(rows, columns, weight) else Convolution


def _max_pool(call: Call) -> Rule | None:
    given = call.given("kernel_size stride padding dilation ceil_mode return_indices")
    kernel, stride = given["kernel_size"], given["stride"] or given["kernel_size"]
    axes = _axes(call, kernel, stride, given["padding"] or 0, given["dilation"] or 1)
    return None if given["return_indices"] else Pooling(*axes, call.again, None)


def _average_pool(call: Call) -> Rule:
    given = call.given("kernel_size stride padding")
    kernel, stride = given["kernel_size"], given["stride"] or given["kernel_size"]
    return _means(call, *_axes(call, kernel, stride, given["padding"] or 0))


def _adaptive_average_pool(call: Call) -> Rule | None:
    sides = list(zip(call.source.shape[2:], call.output.shape[2:], strict=True))
    kernel = [size // outputs for size, outputs in sides]
    return None if any(size % outputs for size, outputs in sides) else _means(call, *_axes(call, kernel, kernel, 0))


def _means(call: Call, rows: Axis, columns: Axis) -> Rule:
    """The divisor at each position is asked of the operation itself: what it makes of ones, by how many it reads."""
    ones = call.source.new_ones(1, 1, rows.size, columns.size)
    counts = []
    for axis in (rows, columns):
        first = torch.arange(axis.outputs) * axis.stride - axis.padding
        counts.append((first + axis.kernel).clamp(max=axis.size) - first.clamp(min=0))
    taken = counts[0][:, None] * counts[1]
    return Pooling(rows, columns, call.again, call.again(ones)[0, 0] / taken.to(ones))


def _positionwise(call: Call) -> Rule | None:
    """Where all maps are of one size, and what else it takes has one value for all positions."""
    sizes = {call.values[operation].shape[2:] for operation in (*call.maps, call.operation)}
    others = [value for value in call.constants.values() if isinstance(value, Tensor) and value.numel() > 1]
    if len(sizes) > 1 or any(value.ndim < 3 or value.shape[-2:] != (1, 1) for value in others):
        return None
    return Positionwise(call.operation, call.maps, call.constants)


def _concatenation(call: Call) -> Rule | None:
    return _positionwise(call) if call.given("dim")["dim"] in (1, -3) and not call.constants else None


def _batch_norm(call: Call) -> Rule | None:
    given = call.given("running_mean running_var weight bias training momentum eps")
    mean, variance, eps = given["running_mean"], given["running_var"], given["eps"]
    if given["training"] or not isinstance(mean, Tensor) or not isinstance(variance, Tensor):
        return None
    scale = torch.rsqrt(variance + (1e-5 if eps is None else eps))
    scale = scale if given["weight"] is None else scale * given["weight"]
    shift = -mean * scale if given["bias"] is None else given["bias"] - mean * scale
    return Scaling(call.operation, call.maps, call.constants, scale.detach(), shift.detach())


def _slices(call: Call) -> Rule | None:
    """x[:, channels], or x[:, :, rows, columns]."""
    key: Any = call.operation.args[1]
    is_slices = isinstance(key, tuple) and all(isinstance(part, slice) for part in key)
    if not is_slices or len(call.operation.sources) > 1:
        return None
    every, channels, rows, columns = key + (slice(None),) * (4 - len(key))
    if every == rows == columns == slice(None):
        return _positionwise(call)
    if every != slice(None) or channels != slice(None):
        return None
    axes = []
    for part, size, outputs in zip((rows, columns), call.source.shape[2:], call.output.shape[2:], strict=True):
        first, _, step = part.indices(size)
        axes.append(Axis(1, step, -first, 1, size, outputs))
    return Picking(axes[0], axes[1], call.again)


def _padding(call: Call) -> Rule | None:
    given = call.given("pad mode value")
    sides = [*given["pad"], *(0,) * (6 - len(given["pad"]))]
    if given["mode"] not in (None, "constant") or len(sides) > 6 or min(sides[4:]) < 0:
        return None
    axes = _axes(call, 1, 1, (sides[2], sides[0]))
    return Picking(*axes, call.again, float(given["value"] or 0), sides[4], sides[5])


def _elementwise() -> list[Any]:
    """Modules, functions and methods that treat every value alike, or every channel."""
    names = [*ACTIVATIONS, "clamp", "abs", "neg", "exp", "sqrt", "square"]
    functions = [getattr(place, name, None) for name in names for place in (torch, functional)]
    modules = [nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
               nn.Hardswish, nn.Hardtanh, nn.Sigmoid, nn.Hardsigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign,
               nn.LocalResponseNorm]  # fmt: skip
    sums = [add, sub, mul, truediv, torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum]
    return [*names, "add", "sub", "mul", "div", *filter(None, functions), *modules, *sums]


KINDS: dict[Any, Callable[[Call], Rule | None]] = {
    **dict.fromkeys(_elementwise(), _positionwise),
    **dict.fromkeys((nn.Conv2d, functional.conv2d), _convolution),
    **dict.fromkeys((nn.MaxPool2d, functional.max_pool2d, torch.max_pool2d), _max_pool),
    **dict.fromkeys((nn.AvgPool2d, functional.avg_pool2d), _average_pool),
    **dict.fromkeys((nn.AdaptiveAvgPool2d, functional.adaptive_avg_pool2d), _adaptive_average_pool),
    **dict.fromkeys((nn.BatchNorm2d, functional.batch_norm), _batch_norm),
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), _concatenation),
    getitem: _slices,
    functional.pad: _padding,
}
