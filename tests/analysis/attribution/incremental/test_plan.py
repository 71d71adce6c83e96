"""Where work is done: in a target's receptive field, on parts of maps, on whole maps where parts are most of it."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.attribution.incremental.network import IncrementalNetwork
from analysis.attribution.incremental.plan import Shapes, Step, planned
from analysis.attribution.incremental.spans import Region
from analysis.attribution.occluder import Occluder, windows_of
from analysis.units.receptive_field import exact_boxes

SIDE = 32


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ).eval()  # fmt: skip


def steps_for(net: nn.Module, layer: str | None, occluder: Occluder, position: tuple[int, int] | None) -> list[Step]:
    region, image = windows_of(occluder.rows(SIDE), occluder.columns(SIDE), 1)
    with torch.no_grad():
        network = IncrementalNetwork(net, torch.zeros(1, 3, SIDE, SIDE), [layer])
    shapes, wanted = Shapes(network.shapes, len(image)), dict[object, Region]()
    operation = network.layers[layer]
    if shapes.is_map(operation):
        wanted[operation] = shapes.whole(operation)
        if position is not None:
            spans = (np.tile([place, place + 1], (len(image), 1)) for place in position)
            wanted[operation] = Region(*spans)
    return planned(network.stages, {network.images: region}, wanted, shapes)  # type: ignore[arg-type]


def areas(steps: list[Step]) -> list[np.ndarray]:
    return [step.region.areas for step in steps if step.region is not None]


@pytest.mark.parametrize("position", [(0, 0), (7, 9), (15, 15)])
def test_windows_outside_a_neurons_field_cost_nothing(net: nn.Module, position: tuple[int, int]) -> None:
    occluder = Occluder(5, 3)
    top, left, bottom, right = exact_boxes(net, "6", (3, SIDE, SIDE))[position]
    region, _ = windows_of(occluder.rows(SIDE), occluder.columns(SIDE), 1)
    meets = (region.rows[:, 0] < bottom) & (region.rows[:, 1] > top)
    meets &= (region.columns[:, 0] < right) & (region.columns[:, 1] > left)
    found = areas(steps_for(net, "6", occluder, position))
    assert 0 < meets.sum() < len(meets)
    np.testing.assert_array_equal(found[-1], meets)
    for area in found:
        assert not area[~meets].any()


def test_layers_behind_a_target_do_not_run_and_what_it_does_not_read_is_left_out(net: nn.Module) -> None:
    to_output = areas(steps_for(net, None, Occluder(8, 8), None))
    to_layer = areas(steps_for(net, "4", Occluder(8, 8), None))
    to_position = areas(steps_for(net, "4", Occluder(8, 8), (0, 0)))
    assert len(to_output) > len(to_layer) == len(to_position)
    for layer, output, position in zip(to_layer, to_output, to_position, strict=False):
        np.testing.assert_array_equal(layer, output)
        assert position.sum() < layer.sum()


def test_small_windows_change_parts_and_a_window_of_the_whole_image_all(net: nn.Module) -> None:
    parts, whole = steps_for(net, None, Occluder(4, 4), None), steps_for(net, None, Occluder(SIDE, 1), None)
    assert areas(parts)[0].max() == 36  # 4 x 4 and one position around it
    assert not any(step.whole for step in parts)
    assert all(step.whole for step in whole if step.region is not None)


def test_activations_and_batch_norm_are_computed_with_the_convolution_before_them(net: nn.Module) -> None:
    kinds = [
        [type(operation.call).__name__ for operation in step.stage.operations]
        for step in steps_for(net, None, Occluder(4, 4), None)
    ]
    assert kinds == [
        ["Conv2d", "BatchNorm2d", "ReLU"], ["MaxPool2d"], ["Conv2d", "ReLU"], ["Conv2d", "ReLU"],
        ["AdaptiveAvgPool2d"], ["Flatten"], ["Linear"],
    ]  # fmt: skip
    read = [len(step.stage.operations) for step in steps_for(net, "0", Occluder(4, 4), None)]
    assert read == [1]
