"""The step filters: the networks' own weights on one scale, in the order of their matches; what a filter looks for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file
from torch import nn

from analysis.units.filters import exciting_patch
from analysis.units.gabor import THRESHOLD, chance_r2, gabor_fits
from jobs.errors import UserError
from jobs.forecast import forecast
from jobs.nets.build import build
from jobs.networks import weight_shapes
from jobs.steps.filters.layers import Drawable, asked, drawable
from jobs.steps.filters.plates import presentation
from tests.jobs.figures.printed import assert_printable, pictures, words
from tests.jobs.plainly import between, digit_rows, digits, flat, maps
from tests.jobs.small import NETS, Done, numbers, ran, small

WIDTH, FITS, MIDDLE = 6, 6, 0.5
LARGE: dict[str, Any] = {"limit": 32, "preprocess": [{"Resize": {"size": 28}}]}
LENETS = {
    "lenet": {"arch": "lenet", "seed": 3, "options": {"fc1": 8}},
    "lenet300": {"arch": "lenet300", "seed": 4},
}


def random_net(seed: int = 1) -> nn.Sequential:
    """The network of `small`."""
    net = build("convnet", (1, 8, 8), 10, {"width": WIDTH}, (), seed)
    assert isinstance(net, nn.Sequential)
    return net


def weight_of(net: nn.Module, layer: str = "conv1") -> np.ndarray:
    """A copy."""
    return net.get_parameter(f"{layer}.weight").detach().numpy().copy()


def saved(net: nn.Module, weight: np.ndarray, path: Path) -> dict[str, Any]:
    """The network with another first layer, as a study names it."""
    save_file({**net.state_dict(), "conv1.weight": torch.from_numpy(weight).float()}, path)
    net.get_parameter("conv1.weight").data[:] = torch.from_numpy(weight)
    return {"arch": "convnet", "weights": str(path), "options": {"width": WIDTH}}


def done(folder: Path, options: dict[str, Any], nets: dict[str, Any] = NETS, studied: str = "conv1") -> Done:
    return numbers(small(folder, nets=nets, layers=[studied], steps=[{"filters": options}]))


def found(run: Done, layer: str = "a--conv1") -> xr.Dataset:
    return run.results("filters")[layer]


@pytest.fixture(scope="module")
def lenets(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Random LeNets on enlarged digits, drawn and reported."""
    steps = [{"filters": {"layers": ["conv?"], "fits": FITS}}]
    folder = tmp_path_factory.mktemp("lenets")
    return ran(small(folder, nets=LENETS, layers=["relu1"], images=LARGE, steps=steps))


def test_weights_are_the_networks_own(tmp_path: Path) -> None:
    """Whether the layer is studied or not."""
    run = done(tmp_path, {}, studied="fc1")
    assert set(run.results("filters")) == {"a--conv1", "b--conv1"}
    np.testing.assert_array_equal(found(run)["weight"], weight_of(random_net()))
    assert float(found(run)["scale"]) == np.abs(weight_of(random_net())).max()


def test_a_layer_is_cut_to_the_filters_and_inputs_asked_for(tmp_path: Path) -> None:
    run = done(tmp_path, {"nets": ["a"], "layers": ["conv2", "conv3"], "filters": 4, "inputs": 3})
    results, net = run.results("filters"), random_net()
    assert {name: one.attrs["asked"] for name, one in results.items()} == {
        "a--conv1": False, "a--conv2": True, "a--conv3": True
    }  # fmt: skip
    for layer in ("conv2", "conv3"):
        one, expected = results[f"a--{layer}"], weight_of(net, layer)[:4]
        np.testing.assert_array_equal(one["weight"], expected[:, :3])
        np.testing.assert_allclose(one["picture"][:, 0], expected.mean(1), atol=1e-7)
        assert float(one["scale"]) == np.abs(expected[:, :3]).max()
    assert presentation(results).tables[0].rows[0][:4] == ("a conv1", WIDTH, "3 x 3", "too small to fit")


def test_zero_is_mid_gray_and_the_largest_weight_black_or_white(tmp_path: Path) -> None:
    net = random_net()
    weight = weight_of(net)
    weight[2], weight[4] = 0.0, 0.25
    weight[0, 0, 1, 1], weight[1, 0, 0, 2] = -2.0, 1.0
    run = done(tmp_path, {}, {"a": saved(net, weight, tmp_path / "a.safetensors")})
    (plate,) = (plate for _, plate in presentation(run.results("filters")).plates)
    (row,) = pictures(plate.figure)
    shown = np.asarray(row.get_array())
    tiles = [shown[:, 4 * number : 4 * number + 3] for number in range(WIDTH)]
    assert (tiles[2] == MIDDLE).all()
    assert (tiles[4] == MIDDLE + 0.25 / 4).all()
    assert tiles[0][1, 1] == 0
    assert tiles[1][0, 2] == 0.75
    for number, tile in enumerate(tiles):
        np.testing.assert_allclose(tile, MIDDLE + weight[number, 0] / 4, atol=1e-7)
    assert (shown[:, 3::4] == 1).all()
    assert row.get_clim() == (0, 1)
    assert any("\N{PLUS-MINUS SIGN}2;" in text for text in words(plate.figure))


def test_colors_stand_beside_their_channels_on_one_scale(tmp_path: Path) -> None:
    study = small(tmp_path, nets={"a": NETS["a"]}, images={"mode": "RGB"}, layers=["fc1"], steps=["filters"])
    results = numbers(study).results("filters")
    one, (_, plate) = results["a--conv1"], presentation(results).plates[0]
    assert one.sizes["input"] == 3
    expected = MIDDLE + one["weight"].values / (2 * float(one["scale"]))
    for drawn, colors in zip(pictures(plate.figure), expected, strict=True):
        tiles = [np.asarray(drawn.get_array())[:, 4 * number : 4 * number + 3] for number in range(4)]
        np.testing.assert_allclose(tiles[0], np.moveaxis(colors, 0, -1), atol=1e-6)
        for gray, channel in zip(tiles[1:], colors, strict=True):
            np.testing.assert_allclose(gray, np.repeat(channel[..., None], 3, -1), atol=1e-6)
    assert_printable(plate.figure)


def drawn(name: str, net: nn.Module, in_shape: tuple[int, int, int]) -> Drawable:
    return drawable(name, weight_shapes(net), in_shape)


@pytest.mark.parametrize("arch", ["lenet", "convnet"])
def test_no_patch_of_norm_one_excites_a_filter_more_than_itself(arch: str) -> None:
    """Through the network's first layer: what the center of its map adds to the bias is the filter's norm."""
    net = build(arch, (3, 28, 28), 10, {}, (), 7)
    convolution = net.get_submodule("conv1")
    assert isinstance(convolution, nn.Conv2d)
    layer = drawn("a", net, (3, 28, 28)).opened(net, (3, 28, 28))["conv1"]
    patches = exciting_patch(layer.weight)
    random = np.random.default_rng(0).normal(size=(500, *patches.shape[1:]))
    random /= np.sqrt(np.square(random).sum((1, 2, 3), keepdims=True))
    middle = layer.weight.shape[2] // 2
    with torch.no_grad():
        images = torch.from_numpy(np.concatenate([patches, random])).float()
        responses = (convolution(images)[:, :, middle, middle] - convolution.bias).numpy()
    own = np.diag(responses)
    np.testing.assert_allclose(own, np.sqrt(np.square(layer.weight).sum((1, 2, 3))), rtol=1e-5)
    assert (responses.argmax(0) == np.arange(len(patches))).all()
    assert (responses[len(patches) :] < own).all()


def test_filters_come_in_the_order_of_their_matches(tmp_path: Path) -> None:
    """b has a's filters in another order, each with more noise than the one before; a's last is dead."""
    net, other = random_net(), random_net(2)
    weight = weight_of(net)
    order, generator = np.array([3, 0, 5, 1, 4, 2]), np.random.default_rng(0)
    weight[-1] = 0.0
    noisy = weight + np.linspace(0, 0.15, WIDTH)[:, None, None, None] * generator.normal(size=weight.shape)
    nets = {
        "a": saved(net, weight, tmp_path / "a.safetensors"),
        "b": saved(other, noisy[order], tmp_path / "b.safetensors"),
    }
    run = done(tmp_path, {"match": "b"}, nets)
    one, last = found(run).isel(filter=slice(-1)), found(run).isel(filter=-1)
    images = digits(digit_rows(run.blobs))[0]
    rho = between(*(flat(maps(n.double(), images, "conv1")) for n in (net, other)))
    np.testing.assert_array_equal(order[one["partner"]], one["number"])
    np.testing.assert_allclose(one["rho"], rho[one["number"], one["partner"]], atol=1e-5)
    assert (np.diff(one["rho"]) < 0).all()
    assert int(one["number"][0]) == 0
    assert (int(last["number"]), int(last["partner"]), np.isnan(float(last["rho"]))) == (WIDTH - 1, -1, True)
    np.testing.assert_array_equal(one["weight"], weight[one["number"]])
    np.testing.assert_allclose(one["partner_picture"], noisy[one["number"]], atol=1e-6)
    cosines = [
        (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()) for x, y in zip(weight[:-1], noisy[:-1], strict=True)
    ]
    alike, others = one["cosine_mean"].values
    assert alike == pytest.approx(np.mean(cosines), abs=1e-6)
    assert others < 0.5 < alike
    assert "partner" not in found(run, "b--conv1")
    plates = {plate.name: plate for _, plate in presentation(run.results("filters")).plates}
    above, below = pictures(plates["filters-matched-a-b-conv1"].figure)
    assert np.asarray(above.get_array()).shape == np.asarray(below.get_array()).shape == (3, 4 * (WIDTH - 1) - 1)
    own, partner = (float(one[f"{name}_scale"]) for name in ("picture", "partner"))
    assert np.asarray(above.get_array())[1, 1] == pytest.approx(MIDDLE + weight[0, 0, 1, 1] / (2 * own))
    assert np.asarray(below.get_array())[1, 1] == pytest.approx(MIDDLE + noisy[0, 0, 1, 1] / (2 * partner))
    (natural, _) = pictures(plates["filters-first_layers"].figure)
    np.testing.assert_allclose(np.asarray(natural.get_array())[:3, :3], MIDDLE + weight[0, 0] / (2 * own), atol=1e-6)


def test_whole_images_are_the_filters_of_a_fully_connected_first_layer(lenets: Done) -> None:
    one = found(lenets, "lenet300--fc1")
    net = build("lenet300", (1, 28, 28), 10, {}, (), 4)
    weight = torch.from_numpy(weight_of(net, "fc1"))
    assert one.sizes == {**one.sizes, "filter": 96, "input": 1, "row": 28, "column": 28}
    image = torch.rand(1, 28, 28)
    by_hand = (torch.from_numpy(one["weight"].values) * image).sum((1, 2, 3))
    torch.testing.assert_close(by_hand, (weight @ image.flatten())[:96])


def test_gabors_are_counted_beside_untrained_weights_and_noise(lenets: Done) -> None:
    one = found(lenets, "lenet--conv1")
    expected = gabor_fits(one["weight"].values[:FITS])
    np.testing.assert_allclose(one["gabor_r2"], expected.r2)
    np.testing.assert_allclose(one["gabor_orientation"], expected.orientation)
    np.testing.assert_array_equal(one["gabor_r2"], one["untrained_r2"])  # random networks are their own control
    assert one.sizes["draw"] == FITS
    for name, blur in (("noise", 0.0), ("smooth_noise", 1.0)):
        np.testing.assert_array_equal(one[f"{name}_r2"], chance_r2(5, 5, FITS, blur))
    (table,) = presentation(lenets.results("filters")).tables
    share = 100 * float((expected.r2 >= THRESHOLD).mean())
    assert table.rows[0][:4] == ("lenet conv1", 32, "5 x 5", f"{share:.1f} % of {FITS}")


def test_the_report_draws_them_without_a_pass(lenets: Done) -> None:
    assert lenets.manifest["figures"] == ["filters-first_layers", "filters-lenet-conv1", "filters-lenet-conv2"]
    assert "Gabors among the filters of first layers" in lenets.page
    assert not [name for name in lenets.records() if "filters" in name]
    for _, plate in presentation(lenets.results("filters")).plates:
        assert_printable(plate.figure)


def test_the_plan_has_no_pass_for_them(tmp_path: Path) -> None:
    facts = [
        forecast(small(tmp_path, layers=["conv1"], steps=steps), ()).facts["passes"]
        for steps in (["evaluate"], ["evaluate", "filters"], ["evaluate", {"filters": {"match": "b"}}])
    ]
    assert facts == [1, 1, 1]


def test_grouped_kernels_and_flat_layers_are_told_apart() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3, groups=4), nn.Flatten(), nn.Linear(8, 2))
    found = drawn("a", net, (1, 5, 5))
    assert (found.layers, found.flat) == (("0", "1"), ("3",))
    second = found.opened(net, (1, 5, 5))["1"]
    assert (second.weight.shape, second.groups) == ((8, 1, 3, 3), 4)
    assert not second.colored
    with pytest.raises(UserError, match="a has neither convolutions nor fully connected layers"):
        drawn("a", nn.ReLU(), (1, 5, 5))
    pooled = drawn("a", nn.Sequential(nn.AvgPool2d(5), nn.Flatten(), nn.Linear(1, 3)), (1, 5, 5))
    with pytest.raises(UserError, match="'2', has no weight for each pixel"):
        asked(None, pooled)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["conv9"]}, r"filters\.layers: 'conv9' is no convolution of a or b; did you mean 'conv"),
        ({"layers": ["fc2"]}, r"filters\.layers: 'fc2' is fully connected and reads no image, so that its weights"),
        ({"nets": ["c"]}, r"filters\.nets: there is no network 'c'; choose from a, b"),
        ({"match": "c"}, r"filters\.match: there is no network 'c'; choose from a, b"),
        ({"match": "a", "nets": ["a"]}, r"filters\.match: a would be matched with itself; name another"),
        ({"match": "b", "layers": ["conv1", "conv2"]}, r"match: .* conv2 is not studied in both b and a: add it to"),
        ({"match": "b", "layers": ["conv[12]"]}, r"filters of conv2 in a and b .* not studied: add it to layers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        done(tmp_path, options)


def test_a_first_layer_that_is_not_studied_cannot_be_matched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"filters of conv1 in a and b .* not studied: add it to layers"):
        done(tmp_path, {"match": "b"}, studied="relu1")
    study = small(tmp_path, layers={"a": ["conv1"], "b": ["fc1"]}, steps=[{"filters": {"match": "b"}}])
    with pytest.raises(UserError, match="the first layer with weights is not studied in both b and a"):
        numbers(study)
