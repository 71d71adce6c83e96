"""The step feature_maps: the network's own maps of the images asked for, without a pass; scales, overlays, tokens."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cluster.blobs import open_blobs
from jobs.errors import UserError
from jobs.images.manifest import Manifest, build_manifest
from jobs.inputs import Inputs
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import Done, numbers, one_bad_of_twelve, ran, small

LAYERS = ["conv1", "relu1", "conv3", "fc1"]
ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
CODE = "tests.jobs.steps.test_feature_maps"
FEW = {"limit": 40, "unit": 32}


def done(folder: Path, report: bool = False, arch: str = "", **options: Any) -> Done:
    nets = {"a": {"arch": f"{CODE}:{arch}"}} if arch else ONE
    layers = options.pop("studied", LAYERS)
    images = options.pop("from_images", FEW)
    study = small(folder, nets=nets, layers=layers, images=images, steps=[{"feature_maps": options}])
    return (ran if report else numbers)(study, (CODE,))


def ids(run: Done) -> list[str]:
    return [entry.id for entry in Manifest.load(run.blobs.read("images.jsonl.gz")).entries]


def plain(run: Done, layer: str, rows: list[int]) -> np.ndarray:
    return maps(random_convnet(1), digits(digit_rows(run.blobs))[0][rows], layer)


class Tokens(nn.Module):
    """The mean of every 2 x 2 patch of the image and its double, row by row, after `extra` tokens of minus one."""

    def __init__(self, extra: int):
        super().__init__()
        self.extra, self.tokens, self.head = extra, nn.Identity(), nn.Linear(2, 10)

    def forward(self, images: Tensor) -> Tensor:
        means = nn.functional.avg_pool2d(images, 2).flatten(2).transpose(1, 2)
        tokens = torch.cat([means, 2 * means], 2)
        if self.extra:
            tokens = torch.cat([-torch.ones(len(images), self.extra, 2), tokens], 1)
        return torch.as_tensor(self.head(self.tokens(tokens).mean(1)))


def patches() -> nn.Module:
    return Tokens(0)


def patches_and_class() -> nn.Module:
    return Tokens(1)


def patches_and_two() -> nn.Module:
    return Tokens(2)


def overwritten() -> nn.Module:
    """A convolution without padding at stride 2, whose output the next module overwrites."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(36, 10))


def test_maps_are_the_networks_own(tmp_path: Path) -> None:
    run = done(tmp_path, images=3)
    results = run.results("feature_maps")
    assert list(results) == [f"a--{layer}" for layer in LAYERS]
    for layer in LAYERS:
        found = results[f"a--{layer}"]
        expected = plain(run, layer, [0, 1, 2])
        assert found["maps"].dims == ("image", "channel", "row", "column")
        np.testing.assert_allclose(found["maps"], expected, rtol=1e-4, atol=1e-5)
        assert found["id"].values.tolist() == ids(run)[:3]
        assert bool(found["negative"]) == (layer != "relu1")


@pytest.mark.parametrize(("channels", "expected"), [([4, 1], [4, 1]), (3, [0, 2, 5]), (99, [0, 1, 2, 3, 4, 5])])
def test_channels_of_a_list_and_evenly(tmp_path: Path, channels: Any, expected: list[int]) -> None:
    run = done(tmp_path, channels=channels, layers=["conv1"])
    found = run.results("feature_maps")["a--conv1"]
    assert found["channel"].values.tolist() == expected
    np.testing.assert_allclose(found["maps"], plain(run, "conv1", [0, 1])[:, expected], rtol=1e-4, atol=1e-5)


def test_images_by_their_ids_in_their_order(tmp_path: Path) -> None:
    chosen = [ids(done(tmp_path))[row] for row in (30, 4)]
    run = done(tmp_path, images=chosen)
    found = run.results("feature_maps")["a--conv3"]
    assert found["id"].values.tolist() == chosen
    assert found["image_row"].values.tolist() == [30, 4]
    np.testing.assert_allclose(found["maps"], plain(run, "conv3", [30, 4]), rtol=1e-4, atol=1e-5)
    assert run.watching.done() == {}, "images are run again when the step finishes, without a pass"


def test_a_map_is_what_the_layer_gave_before_the_next_overwrote_it(tmp_path: Path) -> None:
    found = done(tmp_path, arch="overwritten", studied=["0", "1"]).results("feature_maps")
    before, after = found["a--0"], found["a--1"]
    assert float(before["maps"].min()) < 0 <= float(after["maps"].min())
    np.testing.assert_array_equal(np.maximum(before["maps"], 0), after["maps"])


def test_images_that_are_none_are_passed_over(tmp_path: Path) -> None:
    """The first image of the study is the one that cannot be decoded."""
    folder = one_bad_of_twelve(tmp_path / "images")
    images = {"source": "imagefolder", "root": str(folder.parent), "mode": "L", "unit": 12, "limit": None, "max_bad": 1}
    seed = next(seed for seed in range(100) if _order(tmp_path, {**images, "seed": seed})[0] == "digit/03.png")
    run = done(tmp_path, from_images={**images, "seed": seed})
    assert run.results("feature_maps")["a--conv1"]["id"].values.tolist() == ids(run)[1:3]
    with pytest.raises(
        UserError, match=r"^steps\.feature_maps\.images: 'digit/03\.png' cannot be decoded; name another"
    ):
        done(tmp_path, from_images={**images, "seed": seed}, images=["digit/03.png"])


def _order(folder: Path, images: dict[str, Any]) -> list[str]:
    source = Inputs(small(folder, images=images), open_blobs(str(folder))).source
    return [entry.id for entry in build_manifest(source, images["seed"]).entries]


def _limits(run: Done, image: int) -> np.ndarray:
    with np.load(io.BytesIO(run.blobs.read(f"figures/feature_maps-a-{LAYERS[2]}-image{image}.npz"))) as held:
        found: np.ndarray = held["limits"]
        return found


@pytest.mark.parametrize("scale", ["layer", "channel", "images"])
def test_the_scale_is_the_99th_percentile_of_what_shares_it(tmp_path: Path, scale: str) -> None:
    run = done(tmp_path, report=True, scale=scale, layers=["conv3"], channels=5)
    every = np.abs(run.results("feature_maps")["a--conv3"]["maps"].values)
    assert run.manifest["figures"] == ["feature_maps-a-conv3-image0", "feature_maps-a-conv3-image1"]
    for image in (0, 1):
        shown = {"layer": [every[image]] * 5, "channel": list(every[image]), "images": [every] * 5}[scale]
        expected = [np.percentile(values, 99) for values in shown]
        np.testing.assert_allclose(_limits(run, image), np.transpose([-np.array(expected), expected]))
    assert "5 of 12 channels of conv3 (4 x 4)" in run.page


def test_an_overlay_covers_a_stride_around_each_center(tmp_path: Path) -> None:
    """3 x 3 maps of a 3 x 3 convolution at stride 2: centers at pixels 1, 3 and 5, so 0.5 to 6.5 of 8 are covered."""
    run = done(tmp_path, report=True, arch="overwritten", studied=["0", "3"], overlay=True)
    found = run.results("feature_maps")
    assert found["a--0"]["covered"].values.tolist() == [0.5, 0.5, 6.5, 6.5]
    assert found["a--3"]["covered"].values.tolist() == [0, 0, 8, 8], "a vector stands for the whole image"
    assert len(run.manifest["figures"]) == 4


@pytest.mark.parametrize(("arch", "before"), [("patches", 0), ("patches_and_class", 1)])
def test_tokens_lie_where_their_patches_do(tmp_path: Path, arch: str, before: int) -> None:
    run = done(tmp_path, arch=arch, studied=["tokens"], overlay=True)
    found = run.results("feature_maps")["a--tokens"]
    images = digits(digit_rows(run.blobs))[0][:2]
    means = images.reshape(2, 1, 4, 2, 4, 2).mean((3, 5))
    np.testing.assert_allclose(found["maps"], np.concatenate([means, 2 * means], 1), atol=1e-6)
    assert found.attrs["tokens_before"] == before
    assert found["covered"].values.tolist() == [0, 0, 8, 8]


def test_the_report_says_that_the_class_token_is_left_out(tmp_path: Path) -> None:
    page = done(tmp_path, report=True, arch="patches_and_class", studied=["tokens"]).page
    assert "Tokens are laid out as the patches they stand for; 1 before them, the class token, is left out." in page


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"layers": ["conv9"]}, "layers: 'conv9' is no studied layer of a; did you mean 'conv3'?"),
    ({"nets": ["b"]}, "nets: there is no network 'b'; choose from a"),
    ({"channels": [0, 6], "layers": ["conv1"]}, "channels: 6 is not in a/conv1, which has 0 to 5."),
    ({"images": ["digits/00O42"]}, "images: there is no image 'digits/00O42' in the study; did you mean 'digits/"),
    (
        {"arch": "patches_and_two", "studied": ["tokens"]},
        "layers: a/tokens has 18 tokens, which neither with nor without the first tile an image of 8 x 8, so they are "
        "no map: leave that layer out.",
    ),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:24] for _, message in WRONG])
def test_what_is_not_there_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as found:
        done(tmp_path, **options)
    assert str(found.value).startswith(f"steps.feature_maps.{message}")
