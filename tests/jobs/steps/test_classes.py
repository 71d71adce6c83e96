"""Similarity to classes of a whole run against multiple correlation, computed plainly at every frequency."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import NETS, Done, numbers, ran, small
from tests.jobs.steps import naive
from tests.jobs.steps.plain_layers import layer_maps, next_image, nth

LAYERS = ["conv3", "fc1", "fc2"]
BATCH, IMAGES = 150, 300
SEEDS = {"a": 1, "b": 2}
SOME = ["0", "3", "8"]
GROUPS = {"even": ["0", "2", "4", "6", "8"], "round": ["3", "8"]}
STEPS: list[Any] = [
    {"classes": {"classes": SOME, "groups": GROUPS, "fourier": False, "draws": 100}},
    {"classes": {"nets": ["b"], "classes": SOME, "groups": GROUPS, "draws": 100}},
    {"classes": {"nets": ["a"], "classes": ["3"], "fourier": 3, "variance": 1, "draws": 100}},
    {"classes": {"nets": ["a"], "groups": GROUPS, "targets": "indicator", "fourier": 1, "draws": 100}},
    {"classes": {"nets": ["a"], "fourier": 1, "variance": 1, "groups": {"all": list("0123456789")}, "draws": 100}},
]
ROUNDING = 1e-6
BLACK = [{"Normalize": {"mean": [0.0], "std": [1e30]}}]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    images = {"limit": IMAGES, "unit": BATCH, "batch": BATCH}
    return numbers(small(tmp_path_factory.mktemp("runs"), images=images, layers=LAYERS, steps=STEPS))


def multiple_correlation(layer: np.ndarray, target: np.ndarray, variance: float = 0.99) -> float:
    """Of one target with its least squares prediction from the layer's leading directions."""
    kept = naive.basis(layer, variance)
    centered = target - target.mean()
    predicted = kept @ np.linalg.lstsq(kept, centered.astype(kept.dtype))[0]
    return float(np.linalg.norm(predicted) / np.linalg.norm(centered))


def logits(run: Done, net: str, members: list[str]) -> np.ndarray:
    return layer_maps(run, SEEDS[net], "fc2")[:, [int(name) for name in members], 0, 0]


@pytest.mark.parametrize("net", SEEDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_logit_is_predicted_from_the_means_of_the_maps(run: Done, net: str, layer: str) -> None:
    found = nth(run, "classes")[net]["similarity"]
    pooled = layer_maps(run, SEEDS[net], layer).mean((2, 3))
    for line in SOME:
        target = logits(run, net, [line])[:, 0]
        chance = multiple_correlation(pooled, target[next_image(run, BATCH)])
        value, low, high, floor = found.sel(layer=layer, line=line).values
        assert value == pytest.approx(multiple_correlation(pooled, target), abs=ROUNDING)
        assert floor == pytest.approx(chance, abs=ROUNDING)
        assert floor < low <= value <= high
    assert nth(run, "classes")[net]["kept"].sel(layer=layer).values.tolist() == [naive.basis(pooled, 0.99).shape[1]] * 5
    assert float(nth(run, "classes")[net]["samples"].sel(layer=layer)) == IMAGES


@pytest.mark.parametrize("layer", LAYERS)
def test_a_group_is_all_of_its_logits(run: Done, layer: str) -> None:
    found = nth(run, "classes")["b"]["similarity"]
    assert found["line"].values.tolist() == [*SOME, *GROUPS]
    pooled = layer_maps(run, 2, layer).mean((2, 3))
    for line, members in GROUPS.items():
        expected = naive.svcca(pooled, logits(run, "b", members))
        assert float(found.sel(layer=layer, line=line, estimate="value")) == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("layer", ["conv3", "fc1"])
def test_every_frequency_of_the_maps(run: Done, layer: str) -> None:
    """A target has no frequency: it meets each of the map's."""
    found = nth(run, "classes", 1)["b"]["similarity"]
    maps = layer_maps(run, 2, layer)
    places = [(row, column) for row in range(maps.shape[2]) for column in range(maps.shape[3])]
    for line, members in ({name: [name] for name in SOME} | GROUPS).items():
        targets = logits(run, "b", members).astype(complex)
        each = [naive.coefficients(naive.at_frequency(maps, *at), targets, variance=0.99).mean() for at in places]
        value = float(found.sel(layer=layer, line=line, estimate="value"))
        assert value == pytest.approx(np.mean(each), abs=5 * ROUNDING), line


def test_the_frequencies_of_a_smaller_map(run: Done) -> None:
    found = nth(run, "classes", 2)["a"]["similarity"].sel(line="3", estimate="value")
    maps, target = layer_maps(run, 1, "conv3"), logits(run, "a", ["3"])[:, 0]
    each = [
        multiple_correlation(naive.at_frequency(maps, row, column), target, variance=1)
        for row in (-1, 0, 1)
        for column in (-1, 0, 1)
    ]
    assert float(found.sel(layer="conv3")) == pytest.approx(np.mean(each), abs=5 * ROUNDING)


def test_the_last_layer_holds_its_logits(run: Done) -> None:
    alone = nth(run, "classes", 2)["a"]["similarity"].sel(layer="fc2", line="3", estimate="value")
    together = nth(run, "classes", 4)["a"]["similarity"].sel(layer="fc2", line="all", estimate="value")
    assert float(alone) == pytest.approx(1, abs=ROUNDING)
    assert float(together) == pytest.approx(1, abs=ROUNDING)


@pytest.mark.parametrize("layer", LAYERS)
def test_an_indicator_is_what_the_labels_say(run: Done, layer: str) -> None:
    found = nth(run, "classes", 3)["a"]["similarity"]
    labels = digits(digit_rows(run.blobs))[1]
    pooled = layer_maps(run, 1, layer).mean((2, 3))
    assert found["line"].values.tolist() == list(GROUPS)
    for line, members in GROUPS.items():
        indicator = (labels[:, None] == np.array([int(name) for name in members])).astype(float)
        expected = naive.svcca(pooled, indicator)
        value, low, high, floor = found.sel(layer=layer, line=line).values
        assert value == pytest.approx(expected, abs=ROUNDING)
        assert low <= value <= high
        assert floor < value


def test_blocks_of_layers_and_frequencies_give_the_same_numbers(run: Done, tmp_path: Path) -> None:
    images = {"limit": IMAGES, "unit": BATCH, "batch": BATCH}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 400_000)
        several = numbers(small(tmp_path, images=images, layers=LAYERS, steps=STEPS[1:2]))
    assert several.watching.done()["images"] > 2, "units of several passes"
    parts, whole = (found["b"]["similarity"].values for found in (nth(several, "classes"), nth(run, "classes", 1)))
    np.testing.assert_allclose(parts, whole, atol=1e-9)


def test_all_classes_unless_some_are_named(tmp_path: Path) -> None:
    run = ran(small(tmp_path, layers=["fc1", "fc2"], steps=[{"classes": {"draws": 100}}]))
    found = nth(run, "classes")
    assert list(found) == ["a", "b"]
    assert found["a"]["line"].values.tolist() == [str(digit) for digit in range(10)]
    assert run.manifest["figures"] == ["classes-a", "classes-b"]
    assert "Layers of a and classes" in run.page
    assert "The first 10 of" not in run.page
    assert 'class="warnings"' not in run.page


def test_few_images_and_dead_layers_are_told(tmp_path: Path) -> None:
    nets = {"a": NETS["a"], "b": {**NETS["b"], "preprocess": BLACK}}
    study = small(
        tmp_path, nets=nets, layers=["conv2", "fc1"], steps=[{"classes": {"classes": ["1"], "draws": 100}}],
        images={"limit": 60, "unit": 60, "batch": 60},
    )  # fmt: skip
    run = ran(study)
    found = nth(run, "classes")
    assert np.isfinite(found["a"]["similarity"].values).all()
    assert np.isnan(found["b"]["similarity"].values[..., :3]).all()
    assert "a: 1 of 2 layers have fewer than 10 images a direction at a frequency (least: fc1, 60 for " in run.page
    assert (
        "b: 2 of 2 layers lack a value for some class (first conv2): a layer or a class without variation" in run.page
    )
