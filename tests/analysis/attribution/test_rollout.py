"""Rollout against a plain loop over tokens, and the class token's map in reading order."""

import pytest
import torch
from torch import Tensor

from analysis.attribution.rollout import rollout, token_map


def layers(depth: int = 3, tokens: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(depth)
    scores = torch.randn(depth, 2, 4, tokens, tokens, generator=generator, dtype=torch.float64)
    return list((3 * scores).softmax(-1))


def test_rollout_is_the_sum_over_all_paths() -> None:
    weights = layers()
    steps = [[[[(float(layer[n].mean(0)[i, j]) + (i == j)) / 2 for j in range(5)] for i in range(5)] for n in range(2)]
             for layer in weights]  # fmt: skip
    expected = torch.zeros(2, 5, 5, dtype=torch.float64)
    for n in range(2):
        for start in range(5):
            for end in range(5):
                expected[n, end, start] = sum(
                    steps[0][n][a][start] * steps[1][n][b][a] * steps[2][n][end][b] for a in range(5) for b in range(5)
                )
    found = rollout(weights)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 5, dtype=torch.float64))


def test_tokens_that_look_at_themselves_alone_stay_where_they_are() -> None:
    identity = torch.eye(4).expand(3, 2, 4, 4)
    assert torch.equal(rollout([identity, identity]), torch.eye(4).expand(3, 4, 4))


def test_one_layer_is_half_its_weights() -> None:
    (weights,) = layers(1)
    torch.testing.assert_close(2 * rollout([weights]) - torch.eye(5), weights.mean(1))


@pytest.mark.parametrize(
    "wrong", [[], [torch.ones(1, 2, 3, 4)], [torch.ones(1, 2, 3, 3), torch.ones(1, 2, 4, 4)]], ids=str
)
def test_layers_that_do_not_fit_are_refused(wrong: list[Tensor]) -> None:
    with pytest.raises(ValueError, match=r"^Rollout needs self-attention over the same tokens in every layer, found"):
        rollout(wrong)


def test_the_class_tokens_map_reads_row_by_row() -> None:
    attention = torch.arange(2 * 7 * 7, dtype=torch.float32).reshape(2, 7, 7)
    found = token_map(attention, grid=(2, 3))
    assert found[1].tolist() == [[50, 51, 52], [53, 54, 55]]
    assert token_map(attention, token=6, grid=(1, 2))[0].tolist() == [[47, 48]]
    assert token_map(torch.ones(1, 10, 10)).shape == (1, 3, 3)


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^7 tokens are no class token and a square of patches: give grid as"):
        token_map(torch.ones(1, 7, 7))
    with pytest.raises(ValueError, match=r"^A grid of 2 x 4 needs 8 patches, there are 7 tokens.$"):
        token_map(torch.ones(1, 7, 7), grid=(2, 4))
