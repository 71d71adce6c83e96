"""Directions as units of top_images: found in a pass of their own, against singular vectors and projections of maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from analysis.similarity.spectral import subspaces
from jobs.errors import UserError
from tests.jobs.plainly import between, flat, random_convnet
from tests.jobs.small import UNITS, Done, numbers, ran, small
from tests.jobs.steps.naive import coefficients
from tests.jobs.steps.plain_layers import layer_maps

NETS = {name: {"arch": "convnet", "seed": seed, "options": {"width": 6}} for name, seed in (("a", 1), ("b", 2))}
COPIES = {"a": NETS["a"], "c": NETS["a"]}
SEEDS = {"a": 1, "b": 2, "c": 1}
LAYERS = ["conv1", "fc1"]


def done(folder: Path, direction: dict[str, Any], report: bool = False, **keys: Any) -> Done:
    step = {"top_images": {"k": 4, "rule": "gradient", "direction": direction}}
    keys["images"] = {"limit": 150, "unit": 64, **keys.get("images", {})}
    study = small(folder, **{"nets": NETS, "layers": LAYERS, "steps": [step], **keys})
    return (ran if report else numbers)(study)


def weights(run: Done) -> dict[str, xr.Dataset]:
    return run.results("directions")


def same_as_projected(run: Done, net: str, layer: str, directions: np.ndarray) -> None:
    """The strongest images of the maps' own projections, values by rank and at every image's position."""
    found = run.results("top_images")[f"{net}--{layer}"]
    maps = np.einsum("iuhw,ud->idhw", layer_maps(run, SEEDS[net], layer), directions)
    best = np.sort(maps.max((2, 3)), axis=0)[:-5:-1].T
    tolerance = 1e-5 * np.abs(best).max()
    np.testing.assert_allclose(found["value"], best, atol=tolerance)
    y, x = np.moveaxis(found["position"].values, -1, 0)
    at = maps[found["row"].values, np.arange(len(best))[:, None], y, x]
    np.testing.assert_allclose(at, found["value"], atol=tolerance)
    assert all(len(set(rows)) == 4 for rows in found["row"].values.tolist())


@pytest.fixture(scope="module")
def pca(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Of both networks, whose layers have the same names."""
    return done(tmp_path_factory.mktemp("runs"), {"from": "pca", "index": [2, 0]})


@pytest.mark.parametrize("net", ["a", "b"])
@pytest.mark.parametrize("layer", LAYERS)
def test_principal_directions_are_those_of_the_samples(pca: Done, net: str, layer: str) -> None:
    found = weights(pca)[f"{net}--{layer}"]
    samples = flat(layer_maps(pca, SEEDS[net], layer))
    _, scales, right = np.linalg.svd(samples - samples.mean(0), full_matrices=False)
    expected = right[[2, 0]].T
    expected = expected * np.sign(expected[np.abs(expected).argmax(0), [0, 1]])
    np.testing.assert_allclose(found["a"], expected, atol=2e-4)
    np.testing.assert_array_equal(found["a"], found["b"])
    np.testing.assert_allclose(found["strength"], (scales**2 / (scales**2).sum())[[2, 0]], rtol=1e-4)
    same_as_projected(pca, net, layer, found["a"].values)


def test_directions_take_one_pass_and_their_images_another(pca: Done) -> None:
    assert pca.watching.done() == {"images": 2 * UNITS}
    assert [name.partition("-")[0] for name in pca.manifest["steps"]] == ["evaluate", "directions", "top_images"]


def test_the_backward_image_of_a_direction_is_that_of_its_channels(pca: Done) -> None:
    """By gradient: the kernels of the first layer weighed as the channels are, where the field is inside."""
    found = pca.results("top_images")["a--conv1"]
    kernels = random_convnet(1).get_parameter("conv1.weight").detach().numpy()[:, 0]
    mixed = np.einsum("chw,cd->dhw", kernels, weights(pca)["a--conv1"]["a"].values)
    for direction in (0, 1):
        for rank in range(4):
            inside = ~np.isnan(found["crop"].values[direction, rank, 0])
            shown = found["backward"].values[direction, rank, 0]
            np.testing.assert_allclose(shown, np.where(inside, mixed[direction], 0), atol=1e-5)


def test_the_same_directions_in_two_copies_of_a_network(tmp_path: Path) -> None:
    run = done(tmp_path, {"from": "svcca", "index": [0, 1], "variance": 0.9}, nets=COPIES, layers=["conv1"])
    shared = weights(run)["conv1"]
    np.testing.assert_allclose(shared["strength"], 1, atol=1e-5)
    np.testing.assert_allclose(shared["a"], shared["b"], atol=1e-4 * np.abs(shared["a"]).max())
    one, copy = (run.results("top_images")[f"{net}--conv1"] for net in ("a", "c"))
    np.testing.assert_array_equal(one["row"], copy["row"])
    np.testing.assert_array_equal(one["position"], copy["position"])


@pytest.mark.parametrize("layer", LAYERS)
def test_svcca_gives_directions_that_correlate_as_it_says(svcca: Done, layer: str) -> None:
    shared = weights(svcca)[layer]
    x, y = (flat(layer_maps(svcca, seed, layer)) for seed in (1, 2))
    np.testing.assert_allclose(shared["strength"], coefficients(x, y, variance=0.99)[[1, 0]], atol=1e-4)
    along = x @ shared["a"].values, y @ shared["b"].values
    np.testing.assert_allclose(np.diag(between(*along)), shared["strength"], atol=1e-4)
    np.testing.assert_allclose(np.std(along, axis=1), 1, rtol=1e-4)
    largest = np.abs(shared["a"].values).argmax(0)
    assert (shared["a"].values[largest, [0, 1]] > 0).all()
    for net, side in (("a", "a"), ("b", "b")):
        same_as_projected(svcca, net, layer, shared[side].values)


@pytest.fixture(scope="module")
def svcca(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return done(tmp_path_factory.mktemp("runs"), {"from": "svcca", "index": [1, 0]})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return done(tmp_path_factory.mktemp("runs"), {"from": "cluster", "index": [0, 1, 2], "groups": 3})


@pytest.mark.parametrize("layer", LAYERS)
def test_groups_of_channels_give_a_direction_on_either_side(cluster: Done, layer: str) -> None:
    shared = weights(cluster)[layer]
    x, y = (flat(layer_maps(cluster, seed, layer)) for seed in (1, 2))
    groups = subspaces(between(x, x), between(x, y), between(y, y), 3, seed=0)
    for side, labels in (("a", groups.labels_x), ("b", groups.labels_y)):
        for group in range(3):
            assert set(np.flatnonzero(shared[side].values[:, group])) == set(np.flatnonzero(labels == group))
    np.testing.assert_allclose(shared["strength"], [group.between for group in groups.groups], rtol=1e-4)
    along = x @ shared["a"].values, y @ shared["b"].values
    there = (np.std(along[0], axis=0) > 0) & (np.std(along[1], axis=0) > 0)
    assert (np.diag(between(*along))[there] > 0).all(), "both sides point the same way"
    for net, side in (("a", "a"), ("b", "b")):
        same_as_projected(cluster, net, layer, shared[side].values)


def test_shared_directions_stand_side_by_side_in_the_report(tmp_path: Path) -> None:
    run = done(tmp_path, {"from": "svcca"}, report=True, layers=["conv1"], images={"limit": 100})
    assert run.manifest["figures"] == ["top_images-svcca-conv1-conv1"]
    for text in ("What excites directions that a and b share at conv1", "Left and right show one direction"):
        assert text in run.page


def test_directions_of_half_precision_rows_pass_the_check(tmp_path: Path) -> None:
    """What is read back is rounded to 5e-4; a direction may cancel, and its value be a small part of its terms."""
    run = done(tmp_path, {"from": "pca", "index": 11}, layers=["conv3"], extract={"store": ["*"], "statistics": []})
    assert run.results("top_images")["a--conv3"]["value"].shape == (1, 4)


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"from": "pca", "index": 6}, {}, ".index: 6 is not in a/conv1, where pca finds at most 6: ask for 0 to 5."),
    (
        {"from": "svcca", "index": [0, 9]},
        {},
        ".index: 9 is not in a/conv1 and b/conv1, where svcca finds at most 6: ask for 0 to 5.",
    ),
    (
        {"from": "cluster", "index": 3, "groups": 3},
        {},
        ".index: 3 is not in a/conv1 and b/conv1, where cluster finds at most 3: ask for 0 to 2.",
    ),
    (
        {"from": "svcca"},
        {"nets": {"a": NETS["a"]}},
        ": svcca compares two networks and the step has 1: name two in steps.top_images.nets.",
    ),
    (
        {"from": "cluster"},
        {"layers": {"a": ["conv1", "fc1"], "b": ["conv1"]}},
        ": a has 2 such layers, b 1: name layers that both have in steps.top_images.layers.",
    ),
]


@pytest.mark.parametrize(("direction", "changes", "message"), WRONG, ids=[message[:16] for *_, message in WRONG])
def test_directions_that_cannot_be_are_refused_at_once(
    tmp_path: Path, direction: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as found:
        done(tmp_path, direction, **changes)
    assert str(found.value) == f"steps.top_images.direction{message}"
    assert not list(tmp_path.glob("small-*")), "before any image was run"


FEW: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"from": "svcca", "index": 5, "variance": 0.5},
        {"layers": ["relu2"]},
        "a/relu2 and b/relu2: direction 5 was asked for and svcca finds ",
    ),
    (
        {"from": "svcca", "variance": 1},
        {"layers": ["fc1"], "images": {"limit": 20}},
        "a/fc1 and b/fc1: 20 samples cannot correlate ",
    ),
    (
        {"from": "cluster", "groups": 12},
        {"layers": ["relu2"], "images": {"limit": 20}},
        "a/relu2 and b/relu2: clusters is 12, expected 1 to ",
    ),
]


@pytest.mark.parametrize(("direction", "changes", "message"), FEW, ids=["kept", "samples", "channels"])
def test_what_the_images_do_not_give_is_one_line_too(
    tmp_path: Path, direction: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as found:
        done(tmp_path, direction, **changes)
    assert str(found.value).startswith(message)
