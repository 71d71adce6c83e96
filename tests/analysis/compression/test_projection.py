"""A layer as a pair through a projection: with all directions the same function, with some that of projected inputs."""

import pytest
import torch
from torch import Tensor, nn

from analysis.compression.projection import Cost, cost, projected
from analysis.dynamics.seeding import seeded


def directions(count: int, channels: int) -> Tensor:
    with seeded("cpu", 5):
        return torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64)).Q.T[:count]


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def through(x: Tensor, rows: Tensor, mean: Tensor | None) -> Tensor:
    """P^T P (x - m) + m over the channels, the second axis."""
    shift = (torch.zeros_like(rows[0]) if mean is None else mean).reshape(-1, *(1,) * (x.ndim - 2))
    return torch.einsum("kc,kd,nd...->nc...", rows, rows, x - shift) + shift


LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (6,)),
    "no bias": (lambda: nn.Linear(6, 4, bias=False), (6,)),
    "valid": (lambda: nn.Conv2d(6, 4, 3, stride=2), (6, 9, 8)),
    "zeros": (lambda: nn.Conv2d(6, 4, (3, 5), padding=(1, 2), dilation=(2, 1)), (6, 9, 8)),
    "same": (lambda: nn.Conv2d(6, 4, 3, padding="same", bias=False), (6, 7, 7)),
    "reflect": (lambda: nn.Conv2d(6, 4, 3, padding=1, padding_mode="reflect"), (6, 9, 8)),
    "circular": (lambda: nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular"), (6, 9, 8)),
    "line": (lambda: nn.Conv1d(6, 4, 3, padding=2, stride=2), (6, 11)),
    "volume": (lambda: nn.Conv3d(6, 2, 2, padding=1), (6, 4, 3, 3)),
}


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_pair_is_the_layer_of_projected_inputs(kind: str, centered: bool) -> None:
    build, shape = LAYERS[kind]
    with seeded("cpu", 1):
        layer = build().double()
    x, mean = drawn(5, *shape), drawn(6) + 2 if centered else None
    for count in (1, 3, 6):
        rows = directions(count, 6)
        pair = projected(layer, rows, mean)
        torch.testing.assert_close(pair(x), layer(through(x, rows, mean)), rtol=1e-10, atol=1e-10)
        if count == 6:
            torch.testing.assert_close(pair(x), layer(x), rtol=1e-10, atol=1e-10)
        knows_border = centered and count < 6 and kind in ("zeros", "same", "line", "volume")
        assert pair[1].get_parameter("weight").shape[1] == count + knows_border


def test_dtype_and_gradients_are_those_of_a_layer() -> None:
    pair = projected(nn.Linear(6, 4), directions(2, 6), drawn(6))
    assert {p.dtype for p in pair.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in pair.parameters())


def test_costs_are_counted_for_one_sample() -> None:
    layer = nn.Conv2d(64, 128, 3, padding=1)
    assert cost(layer, (64, 10, 12)) == Cost(128 * 64 * 9 + 128, 128 * 64 * 9 * 120)
    pair = projected(layer, directions(16, 64))
    assert cost(pair, (64, 10, 12)) == Cost(64 * 16 + 128 * 16 * 9 + 128, (64 * 16 + 128 * 16 * 9) * 120)
    assert cost(nn.Linear(784, 300), (784,)) == Cost(784 * 300 + 300, 784 * 300)
    net = nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.BatchNorm2d(20), nn.Flatten(), nn.Linear(2880, 10))
    assert cost(net, (1, 28, 28)).multiply_adds == 20 * 25 * 24 * 24 + 28800
    assert net.training


@pytest.mark.parametrize(
    ("layer", "rows", "problem"),
    [
        (
            nn.Conv2d(6, 6, 3, groups=2),
            directions(2, 6),
            "cannot be projected; expected a linear layer or",
        ),
        (nn.ReLU(), directions(2, 6), r"^ReLU\(\) cannot be projected"),
        (nn.Linear(5, 2), directions(2, 6), r"^directions of shape \(2, 6\); expected orthonormal rows over 5 input"),
        (nn.Linear(6, 2), 2 * directions(2, 6), "expected orthonormal rows over 6 input channels"),
    ],
)
def test_what_cannot_be_projected_is_refused(layer: nn.Module, rows: Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        projected(layer, rows)
