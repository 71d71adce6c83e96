"""The step embed: components and correlations are NumPy's, whole groups are held out, units change nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA  # type: ignore[import-untyped]

from analysis.embedding.infomax import information
from analysis.embedding.quality import neighbor_preservation, placed_preservation
from analysis.similarity.matching import bipartite_matching
from jobs.errors import UserError
from jobs.extract import IMAGES
from jobs.images.manifest import Manifest
from jobs.steps.embed.points import image_points
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import Done, numbers, ran, small

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
QUICK = {"methods": ["pca"], "neighbors": 10}
"""Without t-SNE and infomax, which take the time."""


def done(folder: Path, unit: int = 128, nets: Any = ONE, studied: Any = ("conv1", "fc1"), **options: Any) -> Done:
    extract = {"positions": "mean"} if options.get("points") == "units" else {}
    step = {"embed": {**QUICK, **options}}
    return numbers(small(folder, nets=nets, layers=studied, images={"unit": unit}, extract=extract, steps=[step]))


def vectors(run: Done, layer: str, seed: int = 1, width: int = 6) -> np.ndarray:
    """(images, channels) means of a layer's maps, in the order of the rows."""
    found = maps(random_convnet(seed, width), digits(digit_rows(run.blobs))[0], layer)
    return found.reshape(*found.shape[:2], -1).mean(2).astype(np.float64)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return done(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("units")
    nets = {name: {"arch": "convnet", "seed": seed, "options": {"width": 20}} for name, seed in (("a", 1), ("b", 2))}
    return done(folder, nets=nets, studied=["conv2"], points="units", held_out=0.2)


@pytest.mark.parametrize("layer", ["conv1", "fc1"])
def test_images_lie_at_their_principal_components(images: Done, layer: str) -> None:
    found, x = images.results("embed")[f"a--{layer}"], vectors(images, layer)
    held = found["held_out"].values
    model = PCA(2).fit(x[~held])
    np.testing.assert_allclose(np.abs(found["y"][0]), np.abs(model.transform(x)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["share"][:2], model.explained_variance_ratio_, rtol=1e-4)
    np.testing.assert_array_equal(found["row"], np.arange(300))


def test_whole_groups_of_images_are_held_out(images: Done) -> None:
    found = images.results("embed")["a--fc1"]
    groups = Manifest.load(images.blobs.read(IMAGES)).groups
    np.testing.assert_array_equal(found["held_out"], groups >= 12)


def test_quality_is_that_of_the_map(images: Done) -> None:
    found, x = images.results("embed")["a--fc1"], vectors(images, "fc1")
    y, held = found["y"].values[0], found["held_out"].values
    quality = found["quality"][0]
    kept = neighbor_preservation(x[~held], y[~held], 10)
    placed = placed_preservation(x[held], y[held], x[~held], y[~held], 50)
    assert float(quality.sel(quantity="kept_10")) == pytest.approx(kept, abs=0.01)
    assert float(quality.sel(quantity="placed_kept_50")) == pytest.approx(placed, abs=0.01)
    assert 0.1 < float(quality.sel(quantity="purity")) < 1
    known = information(x[~held], y[~held], x[held], y[held], 10)
    assert float(quality.sel(quantity="information")) == pytest.approx(known, abs=0.02)


def test_floors_are_those_of_chance(images: Done, units: Done) -> None:
    found = images.results("embed")["a--fc1"]
    mapped, shares = int((~found["held_out"].values).sum()), np.bincount(found["label"][~found["held_out"].values])
    floor = found["floor"][0]
    assert float(floor.sel(quantity="kept_50")) == pytest.approx(50 / (mapped - 1))
    assert float(floor.sel(quantity="placed_kept_10")) == pytest.approx(10 / mapped)
    assert float(floor.sel(quantity="purity")) == pytest.approx(((shares / mapped) ** 2).sum())
    matched = units.results("embed")["units"].sel(quantity="matched")
    assert 0 < float(matched["floor"][0]) < float(matched["quality"][0])


def test_other_units_give_the_same_map(images: Done, tmp_path: Path) -> None:
    one, other = (run.results("embed")["a--conv1"] for run in (images, done(tmp_path, unit=48)))
    np.testing.assert_allclose(one["y"], other["y"], atol=1e-5)


def test_images_are_drawn_from_all_rows_whatever_the_units(tmp_path: Path) -> None:
    one, other = (done(tmp_path / str(unit), unit=unit, images=150).results("embed")["a--fc1"] for unit in (128, 300))
    np.testing.assert_array_equal(one["row"], other["row"])
    assert one.sizes["point"] == 150
    assert int(one["row"][-1]) > 280
    assert one["held_out"].values.mean() == pytest.approx(0.25, abs=0.08)


def test_without_held_out_images_none_is_placed(tmp_path: Path) -> None:
    found = done(tmp_path, images=90, held_out=0).results("embed")["a--fc1"]
    assert found.sizes["point"] == 90
    assert not found["held_out"].values.any()
    for quantity in ("placed_kept_10", "information"):
        assert np.isnan(found["quality"].sel(quantity=quantity)).all()
    assert np.isnan(found["floor"].sel(quantity="placed_kept_10")).all()


def test_images_of_which_none_is_held_out_are_refused() -> None:
    plan: Any = SimpleNamespace(groups=16)
    arrays = {"a/fc1|groups": np.repeat([0, 5, 11], 20)}
    with pytest.raises(UserError, match=r"0\.25 of 60 images of a/fc1 .* none is in the 4 held-out groups of 16; r"):
        image_points(plan, arrays, "a/fc1", 50, 0.25)


def test_units_of_two_networks_are_matched_by_correlation(units: Done) -> None:
    found = units.results("embed")["units"]
    a, b = (vectors(units, "conv2", seed, width=20) for seed in (1, 2))
    rho = np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :]
    pairs = bipartite_matching(rho)
    joined, size = found["joined"].values, a.shape[1]
    assert {(int(x), int(y) - size) for x, y in joined} == set(zip(pairs.x.tolist(), pairs.y.tolist(), strict=True))
    np.testing.assert_allclose(found["rho"], rho[joined[:, 0], joined[:, 1] - size], atol=1e-4)
    assert found["held_out"].values.sum() == round(0.2 * 2 * size)


def test_the_report_draws_maps_and_thumbnails(tmp_path: Path) -> None:
    step: dict[str, Any] = {"embed": {"methods": ["tsne", "isomap"], "perplexity": 8, "thumbnails": 40}}
    run = ran(small(tmp_path, nets=ONE, layers=["fc1"], images={"limit": 90}, steps=[step]))
    assert {"embed-a-fc1", "embed-images-a-fc1"} <= set(run.manifest["figures"])
    assert "Maps of images" in run.page
    assert "floor 0.1" in run.page, "of purity"
    assert "placed purity" in run.page
    assert "matches" not in run.page, "which units alone have"
    assert "bootstrap" not in run.page
    quality = run.results("embed")["a--fc1"]["quality"].sel(map="tsne")
    assert 0 < float(quality.sel(quantity="kl")) < float(quality.sel(quantity="cross_entropy"))


def test_the_report_draws_units(tmp_path: Path) -> None:
    step: dict[str, Any] = {"embed": {**QUICK, "points": "units", "color": "net"}}
    nets = {name: {"arch": "convnet", "seed": seed, "options": {"width": 20}} for name, seed in (("a", 1), ("b", 2))}
    run = ran(small(tmp_path, nets=nets, layers=["conv2"], images={"limit": 64}, steps=[step]))
    assert "embed-units-a-b-conv2" in run.manifest["figures"]
    assert ">matches<" in run.page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["conv9"]}, r"steps\.embed\.layers: 'conv9' is no studied layer of a"),
        ({"methods": ["tsne"], "perplexity": 90}, r"a map of 225 images is asked for and perplexity 90 .* needs 271"),
        ({"points": "units", "layers": ["fc1"], "held_out": 0.9}, r"a map of \d+ units is asked for .* needs 21"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        done(tmp_path, **options)


def test_units_of_other_positions_are_refused(tmp_path: Path) -> None:
    step: dict[str, Any] = {"embed": {**QUICK, "points": "units"}}
    with pytest.raises(UserError, match=r"units of a/conv1 and a/fc1 have other samples, .*set extract\.positions"):
        numbers(small(tmp_path, nets=ONE, steps=[step]))


def test_a_color_that_points_lack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="color: layer is nothing that images have; write color: class"):
        small(tmp_path, steps=[{"embed": {"color": "layer"}}])
