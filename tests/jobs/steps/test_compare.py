"""Every measure of a whole run against its paper's formula on all samples at once, and its floor on permuted ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from jobs.nets.build import build
from tests.jobs.plainly import digit_rows, digits, maps
from tests.jobs.small import NETS, Done, numbers, small
from tests.jobs.steps import naive
from tests.jobs.steps.plain_layers import ROUNDING, hooked, layer_maps, next_image, nth, samples

LAYERS = ["conv3", "bn3", "fc1"]
WIDTHS = {1: 6, 2: 9}
TWO = {"a": NETS["a"], "b": {"arch": "convnet", "seed": 2, "options": {"width": WIDTHS[2]}}}
BATCH, IMAGES, MOST = 80, 160, 100
EVERY = [*naive.SUMS, *naive.DISTANCES]
STEPS: list[Any] = [
    {"compare": {"measures": EVERY, "max_images": MOST, "aligned": True, "draws": 100}},
    {"compare": {"measures": list(naive.SUMS), "pairs": "all", "draws": 100}},
    {"compare": {"measures": list(naive.SUMS), "pairs": [["bn3", "conv3"]], "draws": 100}},
    {"compare": {"nets": ["a", "a"], "measures": ["cca", "svcca", "cka"], "pairs": "all", "draws": 100}},
]


@pytest.fixture(scope="module", params=["mean", "all"])
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, str]:
    """A run under one policy of positions, and the policy's name."""
    study = small(
        tmp_path_factory.mktemp("runs"), nets=TWO, layers=LAYERS, steps=STEPS,
        images={"limit": IMAGES, "unit": BATCH, "batch": BATCH},
        extract={"positions": request.param, "store": ["*"], "dtype": "float32"},
    )  # fmt: skip
    return numbers(study), request.param


def both(run: Done, layer: str) -> list[np.ndarray]:
    return [layer_maps(run, seed, layer, width) for seed, width in WIDTHS.items()]


def estimate(found: xr.Dataset, measure: str, layer: str) -> np.ndarray:
    """Value, low, high and floor of a layer and its counterpart."""
    (at,) = np.flatnonzero((found["layer_a"].values == layer) & (found["layer_b"].values == layer))
    values: np.ndarray = found[measure].values[at]
    return values


@pytest.mark.parametrize("layer", ["conv3", "fc1"])
@pytest.mark.parametrize("measure", naive.SUMS)
def test_measures_of_sums_are_their_formulas(compared: tuple[Done, str], measure: str, layer: str) -> None:
    run, policy = compared
    value, low, high, floor = estimate(nth(run, "compare")["similarity"], measure, layer)
    x, y = both(run, layer)
    others = y[next_image(run, BATCH)]
    expected, chance = (naive.SUMS[measure](samples(x, policy), samples(z, policy)) for z in (y, others))
    assert value == pytest.approx(expected, abs=ROUNDING)
    assert floor == pytest.approx(chance, abs=ROUNDING)
    assert low < value < high
    assert (floor > value) if measure in ("procrustes", "angular_shape") else (floor < value)


@pytest.mark.parametrize("layer", ["conv3", "fc1"])
@pytest.mark.parametrize("measure", naive.DISTANCES)
def test_measures_of_distances_are_their_formulas(compared: tuple[Done, str], measure: str, layer: str) -> None:
    run, _ = compared
    found = nth(run, "compare")["similarity"]
    value, low, high, floor = estimate(found, measure, layer)
    x, y = (maps[:MOST].reshape(MOST, -1) for maps in both(run, layer))
    assert value == pytest.approx(naive.DISTANCES[measure](x, y), abs=1e-5)
    orders = [np.random.default_rng(seed).permutation(MOST) for seed in range(10)]
    chance = [naive.DISTANCES[measure](x, y[order]) for order in orders]
    assert abs(floor - np.mean(chance)) < 5 * np.std(chance)
    assert low < value < high
    assert floor < low
    assert (found[f"{measure}_samples"].values == MOST).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_kept_directions_and_samples(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = nth(run, "compare")["similarity"]
    x, y = (samples(values, policy) for values in both(run, layer))
    at = LAYERS.index(layer)
    for measure, variance in (("svcca", 0.99), ("cca", 1.0), ("cka", 1.0), ("rsa", 1.0)):
        kept = [naive.basis(values, variance).shape[1] for values in (x, y)]
        assert found[f"{measure}_kept"].values[at].tolist() == kept, measure
    assert found["svcca_samples"].values[at] == found["cka_samples"].values[at] == len(x)
    assert found.attrs["kinds"]["cka"] == "similarity"
    assert found.attrs["kinds"]["procrustes"] == "distance"
    assert (found.attrs["net_a"], found.attrs["net_b"]) == ("a", "b")


def test_all_pairs_in_one_pass_are_those_of_one(compared: tuple[Done, str]) -> None:
    run, policy = compared
    few, every, one = (nth(run, "compare", number)["similarity"] for number in range(3))
    pairs = set(zip(every["layer_a"].values.tolist(), every["layer_b"].values.tolist(), strict=True))
    assert len(pairs) == every.sizes["pair"] == (9 if policy == "mean" else 5)
    at = [pair == ("bn3", "conv3") for pair in zip(every["layer_a"].values, every["layer_b"].values, strict=True)]
    for measure in naive.SUMS:
        for layer in LAYERS:
            together, alone = (estimate(found, measure, layer)[[0, 3]] for found in (every, few))
            np.testing.assert_allclose(together, alone, atol=ROUNDING, rtol=0, err_msg=measure)
        np.testing.assert_allclose(every[measure].values[at][:, [0, 3]], one[measure].values[:, [0, 3]], atol=ROUNDING)


def test_a_network_with_itself(compared: tuple[Done, str]) -> None:
    found = nth(compared[0], "compare", 3)["similarity"]
    for layer in LAYERS:
        for measure in ("cca", "svcca", "cka"):
            assert estimate(found, measure, layer)[0] == pytest.approx(1, abs=ROUNDING)
    for x, y, value in zip(found["layer_a"].values, found["layer_b"].values, found["cca"].values[:, 0], strict=True):
        if {x, y} == {"conv3", "bn3"}:
            assert value == pytest.approx(1, abs=ROUNDING), "batch norm scales each channel of its convolution"
        elif x != y:
            assert value < 0.9


@pytest.mark.parametrize("layer", LAYERS)
def test_directions_have_their_coefficients(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = nth(run, "compare")[layer]
    x, y = (samples(values, policy) for values in both(run, layer))
    for measure, truncation in (("svcca", {"variance": 0.99}), ("cca", {})):
        rho = found[f"{measure}_coefficients"].values
        np.testing.assert_allclose(rho, naive.coefficients(x, y, **truncation), atol=1e-5)
        variates = x @ found[f"{measure}_a"].values, y @ found[f"{measure}_b"].values
        between = np.corrcoef(*variates, rowvar=False)[: len(rho), len(rho) :]
        np.testing.assert_allclose(between, np.diag(rho), atol=1e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_aligned_directions_over_the_images(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = nth(run, "compare")[layer]
    labels = digits(digit_rows(run.blobs))[1][:MOST]
    order = np.argsort(labels, kind="stable")
    assert found["label"].values.tolist() == labels[order].tolist()
    pooled = [values[:MOST].mean((2, 3))[order] for values in both(run, layer)]
    for side, values in enumerate(pooled):
        units = np.argsort(-np.linalg.norm(values, axis=0))[:2]
        assert found["largest_units"].values[side].tolist() == units.tolist()
        np.testing.assert_allclose(found["largest"].values[side], values[:, units].T, atol=1e-5)
        directions = found[f"svcca_{'ab'[side]}"].values[:, :2]
        np.testing.assert_allclose(found["aligned"].values[side], ((values - values.mean(0)) @ directions).T, atol=1e-4)
    reached = [np.corrcoef(found["aligned"].values[:, shown])[0, 1] for shown in (0, 1)]
    coefficients = found["aligned_coefficients"].values
    assert coefficients.tolist() == found["svcca_coefficients"].values[:2].tolist()
    if policy == "mean":  # the coefficient is of all images, these are the first
        np.testing.assert_allclose(reached, coefficients, atol=0.05)
    assert min(reached) > 0


OTHERS: dict[str, tuple[dict[str, Any], list[str], int]] = {
    "lenet5": ({"arch": "lenet5", "preprocess": [{"Pad": {"padding": 10}}]}, ["conv1", "conv2"], 10),
    "resnet8": ({"arch": "resnet8", "preprocess": []}, ["conv1", "layer1.0.add", "layer3.0.relu2"], 0),
}


@pytest.mark.parametrize("arch", OTHERS)
def test_two_architectures(tmp_path: Path, arch: str) -> None:
    net, layers, border = OTHERS[arch]
    study = small(
        tmp_path, nets={"a": NETS["a"], "b": {**net, "seed": 3}}, layers={"a": ["conv1", "fc1"], "b": layers},
        extract={"positions": "mean"}, images={"batch": 64},
        steps=[{"compare": {"measures": ["svcca", "cka", "soft_match"], "pairs": "all", "draws": 100}}],
    )  # fmt: skip
    run = numbers(study)
    found = nth(run, "compare")["similarity"]
    images, _ = digits(digit_rows(run.blobs))
    padded = np.pad(images, ((0, 0), (0, 0), (border, border), (border, border)))
    other = build(arch, padded.shape[1:], 10, {}, (), 3)
    assert found.sizes["pair"] == 2 * len(layers)
    for number, (a, b) in enumerate(zip(found["layer_a"].values, found["layer_b"].values, strict=True)):
        x, y = layer_maps(run, 1, str(a)).mean((2, 3)), hooked(other, padded, str(b)).mean((2, 3))
        for measure in ("svcca", "cka", "soft_match"):
            expected = naive.SUMS[measure](x, y)
            assert found[measure].values[number, 0] == pytest.approx(expected, abs=ROUNDING), (a, b)


def test_squared_and_unsquared_variance(tmp_path: Path) -> None:
    steps = [{"compare": {"measures": ["svcca"], "variance": 0.9, "rule": rule}} for rule in ("squared", "unsquared")]
    run = numbers(small(tmp_path, layers=["conv3"], extract={"positions": "mean"}, steps=steps))
    x, y = (layer_maps(run, seed, "conv3").mean((2, 3)) for seed in (1, 2))
    for number, power in enumerate((2, 1)):
        found = nth(run, "compare", number)["similarity"]
        assert found["svcca"].values[0, 0] == pytest.approx(naive.svcca(x, y, 0.9, power), abs=ROUNDING)
        assert found["svcca_kept"].values[0, 0] == naive.basis(x, 0.9, power).shape[1]


def test_several_blocks_give_the_same_numbers(tmp_path: Path) -> None:
    """At conv1 coefficients of 1 would tie: PWCCA, which weighs single directions, then takes any of them."""
    measures = ["svcca", "pwcca", "debiased_cka"]
    study: dict[str, Any] = {
        "layers": ["conv2", "bn2", "fc1"],
        "images": {"limit": 150},
        "steps": [{"compare": {"measures": measures, "pairs": "all", "draws": 100}}],
    }
    one = numbers(small(tmp_path / "one", **study))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.passes.limit_bytes", lambda memory_bytes: 60_000)
        several = numbers(small(tmp_path / "several", **study))
    assert one.watching.done()["images"] < several.watching.done()["images"]
    whole, parts = (nth(run, "compare")["similarity"] for run in (one, several))
    assert whole["layer_a"].values.tolist() == parts["layer_a"].values.tolist()
    for measure in measures:
        np.testing.assert_allclose(whole[measure], parts[measure], atol=ROUNDING, rtol=0, err_msg=measure)


def test_maps_is_plain() -> None:
    """The two ways to read a layer plainly agree."""
    net, images = build("convnet", (1, 8, 8), 10, {}, (), 0), digits([0, 1, 2])[0]
    np.testing.assert_array_equal(hooked(net, images, "bn2"), maps(net.double(), images, "bn2"))  # type: ignore[arg-type]
