"""What an operation's output reads, given what its inputs read: one rule a kind of operation of torch.

Elementwise operations are those that torch itself tags as pointwise, and a few more. Exact: windows (convolution, also
transposed, pooling, also adaptive), resampling, padding, concatenation, matrix products, sums and norms over whole
axes, attention. Along the axis of a sort, a cumulative sum or a softmax, every element counts as reading all of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from analysis.units.reads import Reads, Window, bordered, concatenated, regathered, slid, union


@dataclass(frozen=True)
class Call:
    """One executed operation."""

    func: Any
    """The overload, `torch.ops.aten.add.Tensor`."""
    given: dict[str, Any]
    """Arguments by name in the order of the schema; Reads stand for the tensors that are traced."""
    output: Tensor
    """Its first output."""

    @property
    def name(self) -> str:
        """`relu` for `aten::relu` and `aten::relu_`; empty for what is not torch's own."""
        space, _, name = self.func._schema.name.partition("::")
        return name.rstrip("_") if space == "aten" else ""

    @property
    def traced(self) -> list[Reads]:
        """All traced arguments."""
        return list(_reads(list(self.given.values())))

    def of(self, source: Tensor) -> Tensor:
        """The first output for another first argument."""
        _, *others = self.given
        output = self.func(source, **{name: self.given[name] for name in others})
        return output if isinstance(output, Tensor) else output[0]


Rule = Callable[[Call, Reads], Reads | None]


def followed(call: Call) -> Reads | None:
    """What the first output reads; None where the operation is not known."""
    traced = call.traced
    if call.name in JOINT:
        return JOINT[call.name](call)
    if call.name in SINGLE and len(traced) == 1:
        return SINGLE[call.name](call, traced[0])
    if call.name in ELEMENTWISE or torch.Tag.pointwise in call.func.tags:
        return union(traced, call.output.shape)
    return None


def _reads(value: Any) -> Iterator[Reads]:
    if isinstance(value, Reads):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _reads(item)


def _pair(numbers: Sequence[int] | int, alone: int | None = None) -> list[int]:
    """Rows and columns; a single number is that of both, or of the columns where `alone` is that of the rows."""
    listed = [numbers] if isinstance(numbers, int) else list(numbers)
    return [listed[0] if alone is None else alone, listed[0]] if len(listed) == 1 else listed


def _maps(source: Reads) -> Reads:
    """(C, H, W) as (1, C, H, W)."""
    shape = source.bounds.shape[1:]
    return source.shaped(*(1,) * (4 - len(shape)), *shape)


def _convolution(call: Call, source: Reads) -> Reads | None:
    given, shape = call.given, call.output.shape
    if len(shape) > 4:
        return None
    line = len(shape) == 3  # (N, C, L) as maps of one row
    n, channels, *size = source.bounds.shape[1:]
    size, outputs = ([1, *sides] if line else sides for sides in (size, list(shape[2:])))
    kernel = _pair(given["weight"].shape[2:], 1 if line else None)
    stride, dilation = (_pair(given[name], 1 if line else None) for name in ("stride", "dilation"))
    padding = _pair(given["padding"], 0 if line else None)
    windows = [Window(*numbers) for numbers in zip(kernel, stride, padding, dilation, strict=True)]
    groups = given["groups"]
    grouped = source.shaped(n, groups, channels // groups, *size).reduced([2]).shaped(n, groups, *size)
    if given["transposed"]:
        sets = [_transposed(*sides) for sides in zip(windows, size, outputs, strict=True)]
        found = regathered(grouped, sets, [Fraction(1, step) for step in stride])
    else:
        found = slid(grouped, windows, outputs)
    of_each = [n, groups, shape[1] // groups, *outputs]
    return found.shaped(n, groups, 1, *outputs).expanded(of_each).shaped(*shape)


def _transposed(window: Window, inputs: int, outputs: int) -> list[list[int]]:
    """Inputs that each output of a transposed convolution reads."""
    sets: list[list[int]] = [[] for _ in range(outputs)]
    for place in range(inputs):
        for tap in range(window.kernel):
            output = place * window.stride - window.padding + tap * window.dilation
            if 0 <= output < outputs:
                sets[output].append(place)
    return sets


def _pool(call: Call, source: Reads) -> Reads:
    given = call.given
    kernel = _pair(given["kernel_size"])
    numbers = [_pair(given["stride"]) if given["stride"] else kernel, _pair(given["padding"])]
    numbers.append(_pair(given.get("dilation", 1)))
    windows = [Window(*of_axis) for of_axis in zip(kernel, *numbers, strict=True)]
    return slid(_maps(source), windows, call.output.shape[-2:]).shaped(*call.output.shape)


def _resampled(call: Call, source: Reads) -> Reads:
    """Which rows an output row reads is asked of the operation itself, by images of one row each; likewise columns."""
    maps = _maps(source)
    sizes = maps.bounds.shape[-2:]
    sets, ratios = list[list[list[int]]](), list[Fraction]()
    for axis, size in enumerate(sizes):
        one_line = torch.eye(size)[None].unsqueeze(3 - axis)
        answer = call.of(one_line)[0].select(2 - axis, 0)
        sets.append([line.nonzero().flatten().tolist() for line in answer.unbind(1)])
        ratios.append(Fraction(size, answer.shape[1]) if size > 1 else Fraction(0))
    return regathered(maps, sets, ratios).shaped(*call.output.shape)


def _constant_pad(call: Call, source: Reads) -> Reads:
    sides = call.given["pad"]
    return bordered(source, sides, functional.pad(source.bounds, sides, value=math.inf))


def _mirrored_pad(call: Call, source: Reads) -> Reads:
    return bordered(source, call.given["padding"], torch.stack([call.of(plane) for plane in source.bounds]))


def _moved(call: Call, source: Reads) -> Reads:
    return source.each(call.of)


def _over_axes(call: Call, source: Reads) -> Reads:
    """Sums, maxima, softmax: with or without the axes that they run over."""
    dims = call.given.get("dim")
    ndim = source.bounds.ndim - 1
    chosen = [dims] if isinstance(dims, int) else dims or range(ndim)
    found = source.reduced(chosen)
    shape = call.output.shape
    return found.expanded(shape) if len(shape) == ndim else found.shaped(*shape)


def _batch_norm(call: Call, source: Reads) -> Reads:
    if not call.given.get("training", "with_update" in call.name):
        return source
    return source.reduced([dim for dim in range(source.bounds.ndim - 1) if dim != 1]).expanded(call.output.shape)


def _layer_norm(call: Call, source: Reads) -> Reads:
    return source.reduced(range(-len(call.given["normalized_shape"]), 0)).expanded(call.output.shape)


def _group_norm(call: Call, source: Reads) -> Reads:
    n, groups, shape = call.output.shape[0], call.given["group"], call.output.shape
    together = source.shaped(n, groups, -1)
    return together.reduced([2]).expanded(together.bounds.shape[1:]).shaped(*shape)


def _written(call: Call) -> Reads:
    """What was there before is forgotten: `copy_`, `fill_`, `zero_`."""
    source = call.given.get("src", call.given.get("value"))
    if isinstance(source, Reads):
        return source.expanded(call.output.shape)
    return _nothing(call.output)


def _nothing(tensor: Tensor) -> Reads:
    bounds = torch.full((4, *tensor.shape), math.inf, device=tensor.device)
    return Reads(bounds, torch.zeros_like(bounds[:2]), (None, None))


def _concatenated(call: Call) -> Reads:
    dim, parts = call.given["dim"] % call.output.ndim, call.given["tensors"]
    if call.name == "stack":
        parts = [part.unsqueeze(dim) if isinstance(part, Tensor) else _unsqueezed(part, dim) for part in parts]
    known = next(part for part in parts if isinstance(part, Reads))
    beside = Reads(known.bounds.narrow(dim + 1, 0, 1), known.places.narrow(dim + 1, 0, 1), known.axes)
    full = []
    for part in parts:
        if isinstance(part, Tensor):  # it reads nothing, wherever it lies
            places = beside.expanded(part.shape).places
            part = Reads(_nothing(part).bounds, places, known.axes)
        full.append(part)
    return concatenated(full, dim - call.output.ndim)


def _unsqueezed(part: Reads, dim: int) -> Reads:
    shape = list(part.bounds.shape[1:])
    return part.shaped(*shape[:dim], 1, *shape[dim:])


def _product(call: Call) -> Reads:
    """Row times column: `mm`, `bmm` and those that add to it."""
    *added, left, right = (value for value in call.given.values() if isinstance(value, Tensor | Reads))
    parts = [part for part in added if isinstance(part, Reads)]
    parts += [part.reduced([dim]) for part, dim in ((left, -1), (right, -2)) if isinstance(part, Reads)]
    return union(parts, call.output.shape)


def _attention(call: Call) -> Reads:
    """A query reads itself, all keys and all values."""
    over = {"query": [-1], "key": [-2, -1], "value": [-2], "attn_mask": [-1], "attn_bias": [-1]}
    named = [(name, value) for name, value in call.given.items() if isinstance(value, Reads)]
    return union([value.reduced(over[name]) for name, value in named], call.output.shape)


def _all_of_all(call: Call) -> Reads:
    parts = [part.reduced(range(part.bounds.ndim - 1)).shaped() for part in call.traced]
    return union(parts, call.output.shape)


def _named(rule: Any, names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), rule)


SHAPE_ONLY = _named(
    True,
    "empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like randn_like "
    "randint_like zeros_like",
)
"""These read a tensor's shape, nothing of its values."""

ELEMENTWISE = _named(
    True,
    "_prelu_kernel _to_copy clone hardswish log_sigmoid_forward masked_fill native_dropout rrelu_with_noise rsub "
    "threshold tril triu",
)
"""Elementwise without torch's tag, in one version or another."""

SINGLE: dict[str, Rule] = reduce(
    dict.__or__,
    [
        _named(_convolution, "convolution"),
        _named(_pool, "max_pool2d_with_indices avg_pool2d"),
        _named(_resampled, "_adaptive_avg_pool2d adaptive_max_pool2d upsample_nearest2d _upsample_nearest_exact2d"),
        _named(_resampled, "upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"),
        _named(_constant_pad, "constant_pad_nd"),
        _named(_mirrored_pad, "reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d"),
        _named(_moved, "roll flip repeat index index_select pixel_shuffle pixel_unshuffle"),
        _named(_moved, "channel_shuffle native_channel_shuffle"),
        _named(_over_axes, "sum mean amax amin max min prod logsumexp var std var_mean std_mean all any argmax argmin"),
        _named(_over_axes, "_softmax _log_softmax cumsum sort topk linalg_vector_norm norm"),
        _named(_batch_norm, "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"),
        _named(_batch_norm, "_native_batch_norm_legit_no_training _batch_norm_no_update _batch_norm_with_update"),
        _named(_layer_norm, "native_layer_norm _fused_rms_norm"),
        _named(_group_norm, "native_group_norm"),
    ],
)
"""Of one traced tensor: traced weights, indices or statistics are not known."""

JOINT: dict[str, Callable[[Call], Reads]] = reduce(
    dict.__or__,
    [
        _named(_written, "copy fill zero"),
        _named(_concatenated, "cat stack"),
        _named(_product, "mm bmm addmm baddbmm _addmm_activation"),
        _named(_attention, "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu"),
        _named(_attention, "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"),
        _named(_all_of_all, "_native_multi_head_attention _transformer_encoder_layer_fwd"),
    ],
)
"""Of several."""
