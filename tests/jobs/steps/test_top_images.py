"""The step top_images against a loop over single images; ties, positions, crops, and images that have changed since."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jobs.errors import FailedError, UserError
from jobs.nets.build import build
from jobs.views import Views
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import UNITS, Done, numbers, one_bad_of_twelve, ran, small
from tests.jobs.steps.plain_layers import hooked

LAYERS = ["input", "conv1", "relu1", "conv3", "fc1"]
NETS = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
SOME = ["input", "conv3"]
ROUNDING = 1e-5
CONSTANT = [{"Normalize": {"mean": [0.0], "std": [1e30]}}]


def done(folder: Path, report: bool = False, **changes: Any) -> Done:
    """A run whose other keys than those of a study are the step's options."""
    names = ("nets", "layers", "images", "extract", "resources")
    keys: dict[str, Any] = {key: changes.pop(key) for key in names if key in changes}
    study = small(folder, **{"nets": NETS, "layers": LAYERS, "steps": [{"top_images": changes}], **keys})
    return (ran if report else numbers)(study)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return done(tmp_path_factory.mktemp("runs"), rule="gradient", k=5)


def maps(run: Done, layer: str) -> np.ndarray:
    """Of every image alone."""
    images = digits(digit_rows(run.blobs))[0]
    if layer == "input":
        return images
    net = build("convnet", (1, 8, 8), 10, {"width": 6}, (), 1).eval()
    return np.concatenate([hooked(net, image[None], layer) for image in images])


def strongest(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, images and flat positions (units, k) of maps (images, units, height, width), image by image."""
    found = []
    for unit in range(values.shape[1]):
        seen = [(-float(one[unit].max()), row, int(one[unit].argmax())) for row, one in enumerate(values)]
        found.append(sorted(seen)[:k])
    table = np.array(found)
    return -table[..., 0], table[..., 1].astype(int), table[..., 2].astype(int)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_strongest_images_of_every_unit(whole: Done, layer: str) -> None:
    found, values = whole.results("top_images")[f"a--{layer}"], maps(whole, layer)
    best, rows, places = strongest(values, 5)
    np.testing.assert_allclose(found["value"], best, atol=ROUNDING)
    np.testing.assert_array_equal(found["row"], rows)
    width = values.shape[3]
    np.testing.assert_array_equal(found["position"].values @ [width, 1], places)
    ids = np.array([f"digits/{row:05d}" for row in digit_rows(whole.blobs)])
    np.testing.assert_array_equal(found["id"], ids[rows])


def test_most_images_tie_at_the_input_and_the_earlier_ones_win(whole: Done) -> None:
    """All but few digits have a white pixel: exactly 1."""
    white = np.flatnonzero(maps(whole, "input").max((1, 2, 3)) == 1)
    assert len(white) > 200
    found = whole.results("top_images")["a--input"]
    np.testing.assert_array_equal(found["row"], white[None, :5])
    assert (found["value"] == 1).all()


@pytest.mark.parametrize(
    "changes", [{"images": {"unit": 48}}, {"images": {"unit": 300, "batch": 7}}], ids=["unit", "batch"]
)
def test_other_units_and_batches_give_the_same_images(whole: Done, tmp_path: Path, changes: dict[str, Any]) -> None:
    same_images(done(tmp_path, layers=SOME, rule="gradient", k=5, **changes), whole)


@pytest.mark.slow
def test_two_workers_give_the_same_images(whole: Done, ray_session: None, tmp_path: Path) -> None:
    ray: dict[str, Any] = {"images": {"unit": 32}, "resources": {"executor": "ray", "workers": 2}}
    same_images(done(tmp_path, layers=SOME, rule="gradient", k=5, **ray), whole)


def same_images(one: Done, other: Done) -> None:
    for layer in SOME:
        found, expected = (run.results("top_images")[f"a--{layer}"] for run in (one, other))
        for name in ("row", "position", "id", "box"):
            np.testing.assert_array_equal(found[name], expected[name], err_msg=f"{layer} {name}")
        np.testing.assert_allclose(found["value"], expected["value"], atol=ROUNDING)


def test_units_that_never_vary_tie_everywhere(tmp_path: Path) -> None:
    run = done(tmp_path, report=True, layers=["relu1"], k=4, images={"unit": 64, "limit": 200, "preprocess": CONSTANT})
    found = run.results("top_images")["a--relu1"]
    np.testing.assert_array_equal(found["row"], np.tile(np.arange(4), (6, 1)))
    np.testing.assert_array_equal(found["position"], 0)
    silent = int((found["value"][:, 0] == 0).sum())
    assert 0 < silent < 6
    assert f"a relu1: {silent} units are above 0 in no image" in run.page


@pytest.mark.parametrize(("position", "place"), [("center", (4, 4)), ([0, 5], (0, 5))])
def test_a_position_is_a_unit_of_its_own(tmp_path: Path, position: Any, place: tuple[int, int]) -> None:
    run = done(tmp_path, layers=["conv1"], position=position, k=3)
    found, (y, x) = run.results("top_images")["a--conv1"], place
    best, rows, _ = strongest(maps(run, "conv1")[:, :, y : y + 1, x : x + 1], 3)
    np.testing.assert_array_equal(found["row"], rows)
    np.testing.assert_allclose(found["value"], best, atol=ROUNDING)
    np.testing.assert_array_equal(found["position"], np.broadcast_to(place, (6, 3, 2)))


@pytest.mark.parametrize(("channels", "drawn"), [(2, [0, 5]), ([3, 1], [3, 1]), (99, [0, 1, 2, 3, 4, 5])])
def test_channels_choose_what_is_drawn_and_no_more(tmp_path: Path, channels: Any, drawn: list[int]) -> None:
    run = done(tmp_path, layers=["conv1"], channels=channels, k=2, images={"limit": 20})
    found = run.results("top_images")["a--conv1"]
    assert found["drawn"].values.tolist() == drawn
    assert found["crop"].shape == (len(drawn), 2, 1, 3, 3)
    assert found["row"].shape == (6, 2)


def test_crops_are_the_fields_and_backward_images_the_filters(whole: Done) -> None:
    """Of a first convolution: its gradient is the kernel itself, cut where the field leaves the image."""
    found = whole.results("top_images")["a--conv1"]
    net, images = build("convnet", (1, 8, 8), 10, {"width": 6}, (), 1), maps(whole, "input")[:, 0]
    filters = net.get_parameter("conv1.weight").detach().numpy()
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    for unit in range(6):
        for rank in range(5):
            row, (y, x) = int(found["row"][unit, rank]), found["position"].values[unit, rank]
            expected = padded[row, y : y + 3, x : x + 3]
            np.testing.assert_allclose(found["crop"].values[unit, rank, 0], expected, atol=1e-6)
            shown = np.where(np.isnan(expected), 0, filters[unit, 0])
            np.testing.assert_allclose(found["backward"].values[unit, rank, 0], shown, atol=1e-6)
            assert found["box"].values[unit, rank].tolist() == [y - 1, x - 1, y + 2, x + 2]


def test_receptive_fields_are_told(whole: Done) -> None:
    results = whole.results("top_images")
    sizes = {layer: results[f"a--{layer}"]["field_size"].values.tolist() for layer in LAYERS}
    assert sizes == {"input": [1, 1], "conv1": [3, 3], "relu1": [3, 3], "conv3": [10, 10], "fc1": [8, 8]}
    assert results["a--fc1"]["field_stride"].values.tolist() == [0, 0]
    assert float(results["a--conv1"]["field_share"]) == 9 / 64
    assert int(results["a--conv1"]["field_effective"]) == 3


def test_fewer_images_than_asked_for(tmp_path: Path) -> None:
    found = done(tmp_path, layers=["conv1"], k=9, images={"limit": 4}).results("top_images")["a--conv1"]
    assert (np.sort(found["row"].values[:, :4]) == np.arange(4)).all()
    for name in ("row", "position"):
        assert (found[name].values[:, 4:] == -1).all(), name
    assert set(found["id"].values[:, 4:].flat) == {""}
    assert np.isnan(found["crop"].values[:, 4:]).all()


def test_a_bad_image_is_never_chosen_nor_looked_at(tmp_path: Path) -> None:
    folder = one_bad_of_twelve(tmp_path / "images")
    images = {"source": "imagefolder", "root": str(folder.parent), "mode": "L", "unit": 4, "limit": None, "max_bad": 1}
    for seed in range(2):
        run = done(tmp_path, layers=["conv1"], k=12, images={**images, "seed": seed})
        found = run.results("top_images")["a--conv1"]
        assert "digit/03.png" not in found["id"]
        assert ((found["row"] >= 0).sum("rank") == 11).all()
        assert int(found["field_effective"]) == 3


def test_values_from_the_store_are_those_of_the_network(tmp_path: Path, whole: Done) -> None:
    """Half precision moves a value by 5e-4 of itself, less than what the check of images run again allows."""
    run = done(tmp_path, k=5, layers=SOME, extract={"store": ["*"], "statistics": []})
    assert run.watching.done() == {"images": UNITS, "reading the store": UNITS}
    for layer in SOME:
        found, expected = (one.results("top_images")[f"a--{layer}"]["value"] for one in (run, whole))
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_weights_that_have_changed_since_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Views.net

    def changed(self: Views, name: str) -> nn.Module:
        net = honest(self, name)
        with torch.no_grad():
            next(net.parameters()).mul_(1.01)
        return net

    monkeypatch.setattr(Views, "net", changed)
    with pytest.raises(
        FailedError, match=r"^a/conv1 unit 0: an image gave \S+ in the pass and \S+ when run again; images"
    ):
        done(tmp_path, layers=["conv1"], k=2, images={"limit": 20})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nets": ["c"]}, "nets: there is no network 'c'; choose from a"),
    ({"layers": ["conv9"]}, "layers: 'conv9' is no studied layer of a; did you mean 'conv3'?"),
    ({"channels": [6]}, "channels: 6 is not in a/input, which has 0 to 0."),
    ({"channels": [1, 6], "layers": ["conv1"]}, "channels: 6 is not in a/conv1, which has 0 to 5."),
    ({"position": [4, 0], "layers": ["conv3"]}, "position: [4, 0] is not in a/conv3, whose maps are 4 x 4."),
    ({"position": [0, 1], "layers": ["fc1"]}, "position: [0, 1] is not in a/fc1, whose maps are 1 x 1."),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:24] for _, message in WRONG])
def test_what_is_not_there_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as found:
        numbers(small(tmp_path, nets=NETS, layers=LAYERS, steps=[{"top_images": options}]))
    assert str(found.value) == f"steps.top_images.{message}"


def test_the_report_shows_crops_and_receptive_fields(tmp_path: Path) -> None:
    run = done(tmp_path, report=True, layers=["conv1", "fc1"], k=4, channels=3, images={"limit": 40})
    assert run.manifest["figures"] == ["top_images-a-conv1", "top_images-a-fc1"]
    for text in ("Strongest stimulators", "What excites conv1 of a most", "guided image", "Receptive fields", "3 x 3"):
        assert text in run.page
