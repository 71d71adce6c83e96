"""Correlation and matching of a whole run against plain NumPy over all images at once, at all kinds of positions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from analysis.positions import drawn
from jobs.errors import UserError
from tests.jobs.plainly import between, digit_rows, digits, flat, maps, random_convnet
from tests.jobs.small import NETS, Done, numbers, ran, small

LAYERS = ("conv3", "fc1")
POLICIES: dict[str, Any] = {"all": "all", "center": "center", "mean": "mean", "sample": {"sample": 5}}
ROUNDING = 1e-5
"""Networks and products of a run are float32: 24 bits, of which a mean away from zero takes some."""


@pytest.fixture(scope="module", params=list(POLICIES))
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, str]:
    """A run under one policy of positions, and the policy's name."""
    runs = tmp_path_factory.mktemp("runs")
    return numbers(small(runs, layers=LAYERS, extract={"positions": POLICIES[request.param]})), request.param


def samples(run: Done, seed: int, layer: str, policy: str) -> np.ndarray:
    """(images * positions, channels) of one layer under a policy, from plain forward passes."""
    rows = digit_rows(run.blobs)
    found = maps(random_convnet(seed), digits(rows)[0], layer)
    _, channels, height, width = found.shape
    if policy == "center":
        return found[:, :, height // 2, width // 2]
    if policy == "mean":
        return found.mean((2, 3))
    if policy == "sample":
        places = drawn(0, [f"digits/{row:05d}" for row in rows], height, width, 5)
        found = np.take_along_axis(found.reshape(len(rows), channels, -1), places[:, None, :], 2)
    return flat(found)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_correlation_is_numpys(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = run.results()[layer]
    a, b = (samples(run, seed, layer, policy) for seed in (1, 2))
    assert int(found["samples"]) == len(a)
    for name, expected in (("rho", between(a, b)), ("rho_a", between(a, a)), ("rho_b", between(b, b))):
        np.testing.assert_allclose(found[name].values, expected, atol=ROUNDING, rtol=0, err_msg=name)
    for side, values in (("a", a), ("b", b)):
        np.testing.assert_allclose(found[f"mean_{side}"].values, values.mean(0), atol=ROUNDING)
        np.testing.assert_allclose(found[f"std_{side}"].values, values.std(0), rtol=ROUNDING, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_matchings_are_scipys(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = run.results()[layer]
    rho = between(*(samples(run, seed, layer, policy) for seed in (1, 2)))
    rows, columns = linear_sum_assignment(rho, maximize=True)
    assert found["bipartite"].values.tolist() == columns.tolist()
    assert found["semi_ab"].values.tolist() == rho.argmax(1).tolist()
    assert found["semi_ba"].values.tolist() == rho.argmax(0).tolist()
    means = {"bipartite": rho[rows, columns].mean(), "semi_ab": rho.max(1).mean(), "semi_ba": rho.max(0).mean()}
    for kind, mean in means.items():
        value, low, high, floor = found[f"{kind}_mean"].values
        assert value == pytest.approx(mean, abs=ROUNDING)
        assert low < value < high
        assert floor < value
    assert float(found["agreement"]) == np.mean(columns == rho.argmax(1))
    assert float(found["same_index"]) == pytest.approx(np.diag(rho).mean(), abs=ROUNDING)
    weakest = found["bottleneck_mean"].values[0]
    assert float(found["bottleneck"]) >= rho[rows, columns].min() - ROUNDING
    assert weakest <= means["bipartite"] + ROUNDING


@pytest.mark.parametrize("layer", LAYERS)
def test_the_floor_is_what_permuted_images_give(compared: tuple[Done, str], layer: str) -> None:
    run, policy = compared
    found = run.results()[layer]
    a, b = (samples(run, seed, layer, policy) for seed in (1, 2))
    positions = len(a) // 300
    draws = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(300)
        rho = between(a, b.reshape(300, positions, -1)[order].reshape(a.shape))
        draws.append([rho.max(1).mean(), rho.max(0).mean(), rho[linear_sum_assignment(rho, maximize=True)].mean()])
    floors = [found[f"{kind}_mean"].values[3] for kind in ("semi_ab", "semi_ba", "bipartite")]
    assert np.abs(floors - np.mean(draws, 0)).max() < 5 * np.std(draws, 0).max() + 0.02


def test_sides_of_unequal_width(tmp_path: Path) -> None:
    wide = {"arch": "convnet", "seed": 2, "options": {"width": 9}}
    run = ran(small(tmp_path, nets={"a": NETS["a"], "b": wide}, layers=["conv1"]))
    found = run.results()["conv1"]
    images, _ = digits(digit_rows(run.blobs))
    a, b = flat(maps(random_convnet(1), images, "conv1")), flat(maps(random_convnet(2, 9), images, "conv1"))
    rho = between(a, b)
    np.testing.assert_allclose(found["rho"].values, rho, atol=ROUNDING)
    assert found["bipartite"].values.tolist() == linear_sum_assignment(rho, maximize=True)[1].tolist()
    assert np.isnan(float(found["same_index"]))


def test_absolute_matches_by_size(tmp_path: Path) -> None:
    run = ran(small(tmp_path, layers=["fc1"], steps=[{"correlate": {"absolute": True}}]))
    found = run.results()["fc1"]
    size = np.abs(found["rho"].values)
    assert found["semi_ab"].values.tolist() == size.argmax(1).tolist()
    assert found["semi_ab_mean"].values[0] == pytest.approx(size.max(1).mean())
    assert found["rho"].values.min() < 0


def test_a_network_with_itself(tmp_path: Path) -> None:
    run = numbers(small(tmp_path, steps=[{"correlate": {"nets": ["a", "a"], "pairs": [["conv1", "conv1"]] * 2}}]))
    found = run.results()["conv1"]
    assert int(found["samples"]) == 300 * 64
    np.testing.assert_allclose(np.diag(found["rho"].values), 1, atol=1e-6)
    np.testing.assert_array_equal(found["bipartite"].values, np.arange(6))
    np.testing.assert_allclose(found["rho"].values, found["rho_a"].values, atol=1e-6)


def test_all_pairs_of_equal_positions(tmp_path: Path) -> None:
    step = {"correlate": {"pairs": "all", "draws": 100}}
    run = numbers(small(tmp_path, layers=["conv1", "conv2", "conv3"], steps=[step]))
    assert list(run.results()) == ["conv1", "conv1--conv2", "conv2--conv1", "conv2", "conv3"]
    images, _ = digits(digit_rows(run.blobs))
    a, b = (flat(maps(random_convnet(seed), images, layer)) for seed, layer in ((1, "conv1"), (2, "conv2")))
    np.testing.assert_allclose(run.results()["conv1--conv2"]["rho"].values, between(a, b), atol=ROUNDING)


def test_constant_channels_match_nothing(tmp_path: Path) -> None:
    """Black pictures after a crop: every channel of the first layer is its bias."""
    black = [{"Normalize": {"mean": [0.0], "std": [1e9]}}]
    run = ran(small(tmp_path, images={"preprocess": black}, layers=["conv1"]))
    found = run.results()["conv1"]
    assert found["constant_a"].values.all()
    assert np.isnan(found["rho"].values).all()
    assert (found["semi_ab"].values == -1).all()
    assert (found["bipartite"].values == -1).all()
    assert "conv1" in run.page


def test_one_image_a_batch_leaves_no_floor(tmp_path: Path) -> None:
    run = ran(small(tmp_path, images={"batch": 1, "limit": 20}, layers=["conv1"]))
    found = run.results()["conv1"]
    assert np.isnan(found["semi_ab_mean"].values[3])
    assert found["semi_ab_mean"].values[0] > 0


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"nets": ["a", "c"]}, "steps.correlate.nets: there is no network 'c'"),
        ({"pairs": [["conv1", "conv9"]]}, "'conv9' is no studied layer of b"),
        ({"pairs": [["conv1", "conv3"]]}, "a/conv1 has 8 x 8 positions and b/conv3 4 x 4"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, step: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        numbers(small(tmp_path, layers=["conv1", "conv3"], steps=[{"correlate": step}]))
