"""Which layer meets which: in order, every two that compare, or those that are listed."""

from typing import Any

import pytest

from jobs.errors import UserError
from jobs.steps.layer_pairs import layer_pairs, pair_name, require_net, same_positions, two_nets
from jobs.steps.pairwise import comparable, require_chance
from tests.jobs.test_plan import NET, PLAN

SHAPES = {
    "a/conv1": (6, 8, 8), "a/conv2": (6, 4, 4), "a/fc1": (12, 1, 1),
    "a@3/conv1": (6, 8, 8), "a@3/conv2": (6, 4, 4), "a@3/fc1": (12, 1, 1),
    "b/conv1": (9, 8, 8), "b/conv2": (9, 4, 4), "b/fc1": (12, 1, 1),
}  # fmt: skip
BOTH = PLAN.model_copy(update={"shapes": SHAPES, "nets": {"a": NET, "a@3": NET, "b": NET}})
MEAN = BOTH.model_copy(update={"positions": "mean"})


def pairs(asked: Any, plan: Any = BOTH, fourier: Any = False) -> list[str]:
    found = layer_pairs(asked, ("a", "b"), plan, "compare", *comparable(plan, fourier))
    for x, y in found:
        assert (x.partition("/")[0], y.partition("/")[0]) == ("a", "b")
    return [pair_name(pair) for pair in found]


def test_each_layer_with_its_counterpart() -> None:
    assert pairs("same") == ["conv1", "conv2", "fc1"]


@pytest.mark.parametrize(
    ("plan", "fourier", "count"), [(BOTH, False, 3), (BOTH, True, 3), (BOTH, 4, 9), (MEAN, False, 9)]
)
def test_every_two_that_compare(plan: Any, fourier: Any, count: int) -> None:
    found = pairs("all", plan, fourier)
    assert len(found) == count
    assert found[0] == "conv1"
    assert ("conv1--fc1" in found) == (count == 9)


def test_those_that_are_listed_each_once() -> None:
    assert pairs([("fc1", "fc1"), ("conv1", "conv1"), ("fc1", "fc1")]) == ["fc1", "conv1"]
    assert pairs([("conv1", "fc1")], MEAN) == ["conv1--fc1"]
    with pytest.raises(
        UserError, match=r"^steps\.compare: a/conv1 has 8 x 8 positions and b/fc1 1 x 1: pair layers of"
    ):
        pairs([("conv1", "fc1")])


def test_counterparts_need_as_many_layers() -> None:
    fewer = BOTH.model_copy(update={"shapes": {key: shape for key, shape in SHAPES.items() if key != "b/fc1"}})
    with pytest.raises(
        UserError, match=r"a has 3 of the layers and b 2, so they do not pair in order; write steps\.comp"
    ):
        pairs("same", fewer)


def test_drawn_positions_compare_on_maps_of_one_size() -> None:
    drawn = BOTH.model_copy(update={"positions": 5})
    same = same_positions(drawn)
    assert same("a/conv1", "b/conv1")
    assert not same("a/conv1", "b/conv2"), "five of 64 are not five of 16"


def test_the_first_two_networks_are_no_checkpoints() -> None:
    assert two_nets(None, BOTH, "compare") == ("a", "b")
    assert two_nets(("a", "a@3"), BOTH, "compare") == ("a", "a@3")
    alone = BOTH.model_copy(update={"nets": {"a": NET, "a@3": NET}})
    with pytest.raises(UserError, match=r"^steps\.compare: needs two networks; add one under nets\.$"):
        two_nets(None, alone, "compare")
    with pytest.raises(UserError, match=r"^steps\.x\.nets: there is no network 'bb'; "):
        require_net("bb", BOTH, "steps.x.nets")


def test_chance_needs_a_second_image() -> None:
    require_chance(BOTH.model_copy(update={"batch": 2}), "compare")
    with pytest.raises(
        UserError, match=r"^steps\.compare: images\.batch is 1, and a noise floor needs at least 2: raise"
    ):
        require_chance(BOTH.model_copy(update={"batch": 1}), "compare")
