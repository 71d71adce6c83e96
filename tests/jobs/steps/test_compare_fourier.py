"""Comparison by frequency of a whole run against a loop over NumPy's transform, one CCA at each frequency."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.small import Done, numbers, small
from tests.jobs.steps import naive
from tests.jobs.steps.plain_layers import layer_maps, next_image, nth

BATCH, IMAGES = 100, 200
LAYERS = ["conv2", "bn2", "conv3", "fc1"]
MEASURES: dict[str, dict[str, Any]] = {"svcca": {"variance": 0.99}, "cca": {}}
UNEQUAL = [["conv2", "conv3"], ["conv3", "conv2"], ["conv2", "fc1"], ["fc1", "fc1"]]
STEPS: list[Any] = [
    {"compare": {"measures": list(MEASURES), "fourier": True, "draws": 100}},
    {"compare": {"measures": list(MEASURES), "fourier": 4, "pairs": UNEQUAL, "draws": 100}},
    {"compare": {"measures": ["svcca"], "fourier": True, "pairs": "all", "draws": 100}},
    {"compare": {"measures": ["svcca"], "fourier": 1, "pairs": UNEQUAL, "draws": 100}},
]
ROUNDING = 2e-6
"""Spectra are float32; at the finest frequencies they are small."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    images = {"limit": IMAGES, "unit": BATCH, "batch": BATCH}
    return numbers(small(tmp_path_factory.mktemp("runs"), images=images, layers=LAYERS, steps=STEPS))


def every(size: int) -> list[tuple[int, int]]:
    """All frequencies of a map, opposites too."""
    return [(row, column) for row in range(size) for column in range(size)]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("layer", "size"), [("conv2", 8), ("conv3", 4), ("fc1", 1)])
def test_all_frequencies_of_layers_of_one_size(run: Done, measure: str, layer: str, size: int) -> None:
    found = nth(run, "compare")
    x, y = (layer_maps(run, seed, layer) for seed in (1, 2))
    similarity = naive.by_frequency(x, y, every(size), **MEASURES[measure])
    chance = naive.by_frequency(x, y[next_image(run, BATCH)], every(size), **MEASURES[measure])
    value, low, high, floor = found["similarity"][measure].values[LAYERS.index(layer)]
    assert value == pytest.approx(similarity.mean(), abs=ROUNDING)
    assert floor == pytest.approx(chance.mean(), abs=ROUNDING)
    assert floor < low < value < high
    plane = np.fft.fftshift(similarity.reshape(size, size))
    np.testing.assert_allclose(found[layer][f"{measure}_by_frequency"].values, plane, atol=20 * ROUNDING)
    assert found["similarity"][f"{measure}_samples"].values[LAYERS.index(layer)] == IMAGES


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("pair", [tuple(pair) for pair in UNEQUAL])
def test_the_frequencies_that_layers_of_two_sizes_share(run: Done, measure: str, pair: tuple[str, str]) -> None:
    """A map of 4 x 4 holds both signs of 0 and 1 cycles alone; one of 1 x 1 the mean."""
    found = nth(run, "compare", 1)
    shared = [(0, 0)] if "fc1" in pair else [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    x, y = (layer_maps(run, seed, layer) for seed, layer in zip((1, 2), pair, strict=True))
    similarity = naive.by_frequency(x, y, shared, **MEASURES[measure])
    value = found["similarity"][measure].values[UNEQUAL.index(list(pair)), 0]
    assert value == pytest.approx(similarity.mean(), abs=ROUNDING)
    name = pair[0] if pair[0] == pair[1] else "--".join(pair)
    plane = found[name][f"{measure}_by_frequency"].values
    assert plane.shape == x.shape[2:]
    assert np.isnan(plane).sum() == plane.size - len(shared)
    middle = plane.shape[0] // 2
    assert plane[middle, middle] == pytest.approx(similarity[shared.index((0, 0))], abs=20 * ROUNDING)


def test_all_pairs_of_one_size(run: Done) -> None:
    one, found = (nth(run, "compare", number)["similarity"] for number in (0, 2))
    pairs = list(zip(found["layer_a"].values.tolist(), found["layer_b"].values.tolist(), strict=True))
    assert len(pairs) == 6, "two layers of 8 x 8 with two, and one of 4 x 4 and 1 x 1 each"
    for number, layer in enumerate(LAYERS):
        at = pairs.index((layer, layer))
        np.testing.assert_allclose(found["svcca"].values[at, [0, 3]], one["svcca"].values[number, [0, 3]], atol=1e-9)


def test_the_mean_alone(run: Done) -> None:
    found = nth(run, "compare", 3)["similarity"]["svcca"].values[:, 0]
    for value, pair in zip(found, UNEQUAL, strict=True):
        x, y = (layer_maps(run, seed, layer).mean((2, 3)) for seed, layer in zip((1, 2), pair, strict=True))
        assert value == pytest.approx(naive.svcca(x, y), abs=ROUNDING)


def test_blocks_of_frequencies_give_the_same_numbers(run: Done, tmp_path: Path) -> None:
    study = small(tmp_path, layers=LAYERS[:1], steps=STEPS[:1], images={"limit": IMAGES, "unit": BATCH, "batch": BATCH})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 600_000)
        several = numbers(study)
    assert several.watching.done()["images"] > 2, "units of several passes"
    for measure in MEASURES:
        whole, parts = (nth(one, "compare")["similarity"][measure].values[0] for one in (run, several))
        np.testing.assert_allclose(parts[[0, 3]], whole[[0, 3]], atol=1e-9)
