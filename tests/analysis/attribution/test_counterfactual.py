"""Smallest flips where they are planted, and what every answer promises."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from analysis.attribution.counterfactual import smallest_flip
from analysis.attribution.covered_sets import Run, occluding
from tests.analysis.attribution.nets import Call, pictures, small_net


def planted(*rules: tuple[set[int], int], windows: int = 9, classes: int = 3) -> Run:
    """Class 0, unless all windows of a rule are covered; every window covered lowers the odds of its rule a little."""

    def run(covered: Tensor) -> Tensor:
        logits = torch.zeros(len(covered), classes)
        logits[:, 0] = 1.0
        for needed, to in rules:
            hit = covered[:, sorted(needed)].sum(1)
            logits[:, to] += torch.where(hit == len(needed), 2.0, 0.1 * hit)
        return logits

    return run


@pytest.mark.parametrize("needed", [{4}, {1, 7}, {0, 3, 8}, {2, 3, 5, 6}])
def test_the_planted_set_is_found_and_proven(needed: set[int]) -> None:
    found = smallest_flip(planted((needed, 2)), 9)
    assert found.windows == tuple(sorted(needed))
    assert (found.before, found.after, found.flipped, found.smallest) == (0, 2, True, True)
    assert found.at_least == len(needed)
    torch.testing.assert_close(found.probabilities_before, torch.tensor([1.0, 0, 0]).softmax(0))
    torch.testing.assert_close(found.probabilities_after, torch.tensor([1.0, 0, 2]).softmax(0))


def test_of_two_ways_the_shorter_and_to_a_class_the_one_that_leads_there() -> None:
    run = planted(({0, 1, 2}, 1), ({5, 6}, 2))
    assert smallest_flip(run, 9).windows == (5, 6)
    other = smallest_flip(run, 9, to=1)
    assert (other.windows, other.after, other.smallest) == ((0, 1, 2), 1, True)


def misleading(covered: Tensor) -> Tensor:
    """Greedy takes 0, which helps most alone, and then needs 1, 2 and 3 too; 4 and 5 are enough."""
    c = covered.float()
    chain = 0.5 * c[:, 0] + 0.2 * c[:, 0] * (c[:, 1] + c[:, 2] + c[:, 3]) - 1.0
    return torch.stack([torch.zeros(len(c)), torch.maximum(chain, 1.3 * c[:, 4] * c[:, 5] - 1 + 0.01 * c[:, 4])], 1)


def test_what_greed_misses_is_found_by_trying_and_owned_up_to_without() -> None:
    found = smallest_flip(misleading, 6)
    assert (found.windows, found.smallest) == ((4, 5), True)
    greedy = smallest_flip(misleading, 6, exhaustive=0)
    assert greedy.windows == (0, 1, 2, 3)
    assert (greedy.flipped, greedy.smallest, greedy.at_least) == (True, False, 2)
    assert greedy.passes < found.passes


def test_what_greed_took_and_does_not_need_is_given_back() -> None:
    """Window 0 helps most alone, and 1 and 2 do without it."""

    def decoy(covered: Tensor) -> Tensor:
        c = covered.float()
        toward = 0.3 * c[:, 0] + 0.1 * c[:, 1] + 2.0 * c[:, 1] * c[:, 2]
        return torch.stack([torch.ones(len(c)), toward], 1)

    found = smallest_flip(decoy, 9, exhaustive=0)
    assert (found.windows, found.smallest) == ((1, 2), True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_a_flip_is_real_needs_all_its_windows_and_is_smallest_where_it_says_so(seed: int, frugal: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    inner, outer = torch.randn(7, 6, generator=generator), torch.randn(6, 3, generator=generator)

    def run(covered: Tensor) -> Tensor:
        return torch.relu(1.5 * (~covered).float() @ inner) @ outer

    def flips(windows: tuple[int, ...]) -> bool:
        covered = torch.zeros(1, 7, dtype=torch.bool)
        covered[0, list(windows)] = True
        own = int(run(torch.zeros(1, 7, dtype=torch.bool)).argmax())
        return bool(run(covered)[0].max() > run(covered)[0, own])

    found = smallest_flip(run, 7, exhaustive=0 if frugal else 5_000)
    sizes = [size for size in range(1, 8) if any(flips(windows) for windows in combinations(range(7), size))]
    assert found.flipped <= bool(sizes)
    if found.flipped:
        assert flips(found.windows)
        assert not any(flips(windows) for windows in combinations(found.windows, len(found.windows) - 1) if windows)
        assert found.at_least <= sizes[0] <= len(found.windows)
        assert found.smallest == (found.at_least == len(found.windows))
    if not frugal and sizes:
        assert found.smallest


def test_where_nothing_flips_it_says_so() -> None:
    found = smallest_flip(planted(), 4)
    assert not found.flipped
    assert not found.smallest
    assert found.at_least == 5
    assert found.before == found.after == 0
    short = smallest_flip(planted(({0, 1, 2}, 1)), 9, largest=2)
    assert (short.flipped, len(short.windows), short.at_least) == (False, 2, 3)


def test_scores_of_a_sweep_spare_its_passes_and_are_not_trusted_where_they_flip() -> None:
    run = planted(({1, 7}, 2))
    scores = run(torch.eye(9, dtype=torch.bool))
    with_scores, without = smallest_flip(run, 9, scores=scores), smallest_flip(run, 9)
    assert with_scores.windows == without.windows == (1, 7)
    assert with_scores.passes == without.passes - 9
    scores[4, 2] = 100.0
    assert smallest_flip(run, 9, scores=scores).windows == (1, 7)


def test_an_equal_logit_is_no_flip() -> None:
    assert not smallest_flip(lambda covered: torch.zeros(len(covered), 2), 3).flipped


def test_sentences() -> None:
    classes, windows = ["cat", "dog", "fox"], [f"w{number}" for number in range(9)]
    one, two, three = (smallest_flip(planted((needed, 2)), 9) for needed in ({4}, {1, 7}, {0, 3, 8}))
    assert one.sentence(classes, windows) == "cat because of w4; without it fox"
    assert two.sentence(classes, windows) == "cat because of w1 and w7; without them fox"
    assert three.sentence(classes, windows) == "cat because of w0, w3 and w8; without them fox"
    never = smallest_flip(planted(), 9, largest=2)
    assert never.sentence(classes, windows).startswith("cat, and cat without w")
    elsewhere = smallest_flip(planted(({1}, 2)), 9, to=1, largest=1)
    assert not elsewhere.flipped


def test_bad_questions_are_named() -> None:
    with pytest.raises(ValueError, match=r"^There are 0 windows: give at least one.$"):
        smallest_flip(planted(), 0)
    with pytest.raises(ValueError, match=r"^The image is of class 0 already: give another class to change to.$"):
        smallest_flip(planted(), 9, to=0)
    with pytest.raises(ValueError, match=r"^There are scores of 3 windows and 9 windows: give one for each.$"):
        smallest_flip(planted(), 9, scores=torch.zeros(3, 3))


def test_occluders_cover_what_they_name() -> None:
    net, image = nn.Sequential(Call(lambda x: x), nn.Flatten()), pictures(1)[0]
    windows, fill = torch.tensor([[0, 0, 4, 6], [2, 3, 5, 5], [10, 10, 9, 9]]), torch.tensor([1.0, 2.0, 3.0])
    sets = torch.tensor([[False, False, False], [True, False, False], [True, True, False], [False, False, True]])
    seen = occluding(net, image, windows, fill[:, None, None])(sets).view(4, 3, 12, 12)
    expected = image.repeat(4, 1, 1, 1)
    expected[1:3, :, 0:4, 0:6] = fill.double()[:, None, None]
    expected[2, :, 2:7, 3:8] = fill.double()[:, None, None]
    expected[3, :, 10:, 10:] = fill.double()[:, None, None]
    assert torch.equal(seen, expected)


def test_an_object_in_two_windows_is_recognized_until_both_are_covered() -> None:
    """The network says 1 where any pixel is bright: of a picture with two bright pixels both must go."""
    net = nn.Sequential(Call(lambda x: torch.stack([torch.full((len(x),), 0.5), x.amax((1, 2, 3))], 1)))
    image = torch.zeros(1, 12, 12)
    image[0, 1, 1] = image[0, 10, 6] = 1.0
    windows = torch.tensor([[y, x, 4, 4] for y in (0, 4, 8) for x in (0, 4, 8)])
    found = smallest_flip(occluding(net, image, windows, torch.zeros(1, 1, 1)), 9)
    assert (found.windows, found.before, found.after, found.smallest) == ((0, 7), 1, 0, True)


def test_the_network_stays_as_it_was() -> None:
    net = small_net().train()
    run = occluding(net, pictures(1)[0], torch.tensor([[0, 0, 6, 6], [6, 6, 6, 6]]), torch.zeros(3, 1, 1))
    smallest_flip(run, 2)
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())
