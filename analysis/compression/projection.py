"""How many directions of its input does a layer need? The layer through a projection onto k of them, as two smaller
layers (SVCCA: Raghu et al., 2017, arXiv:1706.05806, section 4.4).

With P of k orthonormal rows over the input channels and a mean m, inputs become x' = P^T P (x - m) + m. A linear
layer W x' + b is then (W P^T)(P x) + b', with b' = b + W (m - P^T P m); a convolution is a 1 x 1 convolution by P and
the same with each of its kernels. With all directions the function is the same.
"""

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d

Directions = Float[Tensor, "directions channels"]
Mean = Float[Tensor, " channels"]


@dataclass(frozen=True)
class Cost:
    """What a module holds and does."""

    parameters: int
    multiply_adds: int
    """Of its linear and convolutional layers, for one sample."""


def projected(layer: nn.Module, directions: Directions, mean: Mean | None = None) -> nn.Sequential:
    """`layer` after the projection of its input, as a pair of layers on its device and in its dtype.

    directions: orthonormal rows over the input features of a linear layer or the input channels of a convolution.
    mean: of the inputs; by default 0. A convolution that pads with zeros gets one more channel, which is 1 where there
    is input and so knows the border, unless nothing of the mean is projected away.
    Raises ValueError for another layer, for a convolution in groups, and for directions that do not fit.
    """
    if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) or getattr(layer, "groups", 1) != 1:
        raise ValueError(f"{layer} cannot be projected; expected a linear layer or a convolution in one group")
    rows, channels = directions.to(layer.weight.device, torch.float64), layer.weight.shape[1]
    own = torch.eye(len(rows), dtype=torch.float64, device=rows.device)
    if rows.shape[1] != channels or not torch.allclose(rows @ rows.T, own, atol=1e-4):
        shape = tuple(rows.shape)
        raise ValueError(f"directions of shape {shape}; expected orthonormal rows over {channels} input channels")
    lost = torch.zeros_like(rows[0]) if mean is None else mean.to(rows)
    lost = lost - rows.T @ (rows @ lost)
    return _linear(layer, rows, lost) if isinstance(layer, nn.Linear) else _convolution(layer, rows, lost)


def cost(module: nn.Module, in_shape: tuple[int, ...]) -> Cost:
    """Parameters and multiply-adds of `module` for one sample of `in_shape`, without running it."""
    adds: list[int] = []

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        adds.append(output[0].numel() * layer.get_parameter("weight")[0].numel())

    copied = copy.deepcopy(module).to("meta").eval()
    for layer in copied.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            layer.register_forward_hook(count)
    copied(torch.empty(1, *in_shape, dtype=next(copied.parameters()).dtype, device="meta"))
    return Cost(sum(parameter.numel() for parameter in module.parameters()), sum(adds))


def _linear(layer: nn.Linear, directions: Directions, lost: Mean) -> nn.Sequential:
    weight = layer.weight.detach().double()
    first = nn.Linear(layer.in_features, len(directions), bias=False)
    second = nn.Linear(len(directions), layer.out_features)
    return _filled(layer, first, directions, None, second, weight @ directions.T, weight @ lost)


def _convolution(layer: Convolution, directions: Directions, lost: Mean) -> nn.Sequential:
    weight, axes = layer.weight.detach().double(), len(layer.kernel_size)
    kernels = torch.einsum("oc...,kc->ok...", weight, directions)
    of_lost = torch.einsum("oc...,c->o...", weight, lost)
    one_inside = None
    if _meets_zeros(layer) and lost.abs().max() > 1e-9:
        kernels, of_lost = torch.cat([kernels, of_lost[:, None]], dim=1), torch.zeros_like(of_lost)
        directions = torch.cat([directions, torch.zeros_like(directions[:1])])
        one_inside = torch.zeros_like(directions[:, 0])
        one_inside[-1] = 1.0
    count = len(directions)
    first = type(layer)(layer.in_channels, count, 1, bias=one_inside is not None)
    second = type(layer)(count, layer.out_channels, layer.kernel_size, **_placement(layer))  # type: ignore[arg-type]
    rows = directions.reshape(*directions.shape, *(1,) * axes)
    return _filled(layer, first, rows, one_inside, second, kernels, of_lost.flatten(1).sum(1))


def _meets_zeros(layer: Convolution) -> bool:
    """Whether its windows reach over the border onto zeros."""
    padding = layer.padding if isinstance(layer.padding, tuple) else (int(layer.padding == "same"),)
    return layer.padding_mode == "zeros" and any(padding)


def _placement(layer: Convolution) -> dict[str, object]:
    return {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "padding_mode")}


@torch.no_grad()
def _filled(
    layer: nn.Linear | Convolution,
    first: nn.Linear | Convolution,
    directions: Tensor,
    first_bias: Tensor | None,
    second: nn.Linear | Convolution,
    weight: Tensor,
    added: Tensor,
) -> nn.Sequential:
    """The pair with its numbers, in the dtype and on the device of `layer`; `added` goes to its bias."""
    pair = nn.Sequential(first, second).to(layer.weight)
    first.weight.copy_(directions)
    if first.bias is not None and first_bias is not None:
        first.bias.copy_(first_bias)
    second.weight.copy_(weight)
    if second.bias is not None:
        second.bias.copy_(added if layer.bias is None else added + layer.bias)
    return pair
