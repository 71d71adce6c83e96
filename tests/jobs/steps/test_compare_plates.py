"""What a comparison shows: its figures by name, the numbers in them, and what a reader is warned of."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.similarity.measures import MEASURES, MeasureName
from tests.jobs.small import NETS, Done, ran, small
from tests.jobs.steps.plain_layers import nth

LAYERS = ["conv3", "fc1"]
STORED = {"store": ["*"], "dtype": "float32"}
BLACK = [{"Normalize": {"mean": [0.0], "std": [1e30]}}]
FIVE = ["svcca", "cca", "cka", "procrustes", "rsa"]
STEPS: list[Any] = [
    {"compare": {"measures": FIVE, "aligned": True, "draws": 100, "max_images": 50}},
    {"compare": {"measures": ["svcca", "cka"], "pairs": "all", "draws": 100}},
    {"compare": {"measures": ["svcca"], "fourier": True, "draws": 100}},
    {"compare": {"measures": ["svcca"], "fourier": 2, "draws": 100}},
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    images = {"limit": 160, "batch": 80, "unit": 80}
    return ran(small(tmp_path_factory.mktemp("runs"), images=images, layers=LAYERS, extract=STORED, steps=STEPS))


def arrays(run: Done, plate: str) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(run.blobs.read(f"figures/{plate}.npz"))) as held:
        return dict(held)


def warned(run: Done) -> list[str]:
    """The notes at the top of the report."""
    found = re.search(r'<aside class="warnings".*?</aside>', run.page, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", found[0]) if found else []


def test_every_step_draws_its_figures(done: Done) -> None:
    figures = done.manifest["figures"]
    again = [name.rpartition("-")[2] for name in done.manifest["steps"] if name.startswith("compare")]
    assert figures == [
        "compare-a-b-svcca-cca-cka-rsa", "compare-a-b-procrustes", "compare-svcca-coefficients",
        "compare-cca-coefficients", "compare-aligned-conv3", "compare-aligned-fc1",
        "compare-layers-a-b-svcca", "compare-layers-a-b-cka",
        "compare-a-b-svcca", "compare-svcca-frequencies",
        f"compare_a_b_svcca-{again[3]}", f"compare_svcca_frequencies-{again[3]}",
    ]  # fmt: skip
    assert len(set(figures)) == len(figures)
    for name in figures:
        assert f"../figures/{name}.svg" in done.page


def test_figures_hold_the_results(done: Done) -> None:
    found, pair = nth(done, "compare")["similarity"], nth(done, "compare")["fc1"]
    depth = arrays(done, "compare-a-b-svcca-cca-cka-rsa")
    assert depth["layers"].tolist() == LAYERS
    for measure in ("svcca", "cca", "cka", "rsa"):
        np.testing.assert_array_equal(depth[measure], found[measure].values)
    np.testing.assert_array_equal(arrays(done, "compare-a-b-procrustes")["procrustes"], found["procrustes"].values)
    np.testing.assert_array_equal(arrays(done, "compare-svcca-coefficients")["fc1"], pair["svcca_coefficients"].values)
    for name in ("largest", "aligned", "label"):
        np.testing.assert_array_equal(arrays(done, "compare-aligned-fc1")[name], pair[name].values)
    plane = nth(done, "compare", 2)["conv3"]["svcca_by_frequency"].values
    np.testing.assert_array_equal(arrays(done, "compare-svcca-frequencies")["conv3"], plane)


def test_a_matrix_has_its_pairs_in_place(done: Done) -> None:
    """By position, layers of unlike size do not compare: their cells stay empty."""
    found = nth(done, "compare", 1)["similarity"]
    shown = arrays(done, "compare-layers-a-b-cka")
    assert shown["layers_a"].tolist() == shown["layers_b"].tolist() == LAYERS
    assert found.sizes["pair"] == 2
    np.testing.assert_array_equal(np.diag(shown["values"]), found["cka"].values[:, 0])
    assert np.isnan([shown["values"][0, 1], shown["values"][1, 0]]).all()


def test_the_table_says_what_each_measure_is(done: Done) -> None:
    assert "Similarity of a and b" in done.page
    assert "Procrustes distance: a distance, invariant to rotation, isotropic scaling, permutation" in done.page
    assert "CCA: a similarity, invariant to any invertible linear map" in done.page
    value = nth(done, "compare")["similarity"]["cka"].values[1, 0]
    assert f"{value:.3f}" in done.page


def test_enough_samples_are_no_warning(done: Done) -> None:
    """160 images for 12 directions are enough, at every frequency too."""
    assert warned(done) == []


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """20 images for 6 + 6 directions at conv2 and 12 + 12 at fc1."""
    steps = [{"compare": {"measures": ["cca", "cka", "rsa"], "aligned": True, "draws": 100}}]
    return ran(
        small(
            tmp_path_factory.mktemp("runs"), images={"limit": 20, "unit": 20, "batch": 20}, layers=["conv2", "fc1"],
            extract={"positions": "mean", **STORED}, steps=steps,
        )
    )  # fmt: skip


def test_fewer_samples_than_directions_are_no_value(few: Done) -> None:
    found = nth(few, "compare")["similarity"]
    conv2, fc1 = found["cca"].values
    assert np.isfinite(conv2).all()
    assert np.isnan(fc1).all()
    assert np.isfinite(found["cka"].values).all()
    assert found["cca_kept"].values.tolist() == [[6, 6], [12, 12]]
    assert nth(few, "compare")["fc1"]["cca_coefficients"].size == 0


def test_few_samples_are_told(few: Done) -> None:
    said = warned(few)
    assert (
        "CCA: 2 of 2 pairs have fewer than 10 samples a direction (least: fc1, 20 for 12); compare with the floor, and "
        "take more images."
    ) in said
    assert (
        "CCA: 1 of 2 pairs have no value (first fc1): a layer without a varying unit, fewer samples than directions, "
        "or no floor."
    ) in said
    assert [note for note in said if note.startswith("RSA")] == [], "it compares images, not directions"
    assert "compare-aligned-conv2" in few.manifest["figures"]


@pytest.mark.parametrize(("dead", "pairs"), [("a", "same"), ("b", "same"), ("ab", "all")])
def test_a_layer_of_dead_units_is_no_value(tmp_path: Path, dead: str, pairs: str) -> None:
    """Pictures that are black for one network: every unit of its first layer is its bias."""
    nets = {name: {**net, "preprocess": BLACK} if name in dead else net for name, net in NETS.items()}
    step = {"measures": list(MEASURES), "pairs": pairs, "draws": 100, "max_images": 40, "aligned": pairs == "same"}
    study = small(
        tmp_path, nets=nets, layers=["conv1"], images={"limit": 60}, extract=STORED, steps=[{"compare": step}]
    )
    run = ran(study)
    found = nth(run, "compare")["similarity"]
    for measure in MEASURES:
        assert np.isnan(found[measure].values[:, :3]).all(), measure
        assert sum(note.startswith(_title(measure)) and "no value (first conv1)" in note for note in warned(run)) == 1
    assert not [name for name in run.manifest["figures"] if "aligned" in name], "there is no direction to draw"


def _title(measure: MeasureName) -> str:
    return f"{MEASURES[measure].title}: "


def test_two_images(tmp_path: Path) -> None:
    step = {"measures": list(MEASURES), "draws": 100}
    images = {"limit": 2, "unit": 2, "batch": 2}
    run = ran(small(tmp_path, images=images, layers=["conv1"], extract=STORED, steps=[{"compare": step}]))
    found = nth(run, "compare")["similarity"]
    assert found["rsa_samples"].values.tolist() == [2]
    assert 0 <= found["mutual_neighbors"].values[0, 0] <= 1
