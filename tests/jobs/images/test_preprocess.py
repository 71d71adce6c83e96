"""Declared transforms give what torchvision gives, and say what is wrong with a declaration."""

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import SqueezeNet1_1_Weights  # type: ignore[import-untyped]
from torchvision.transforms import v2  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.options import Declared
from jobs.images.preprocess import PROBE_SIZES, build_preprocess, preprocess_digest, probe_image
from jobs.images.source import Mode

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORMALIZE: dict[str, dict[str, Any] | None] = {"Normalize": {"mean": MEAN, "std": STD}}
IMAGENET: Declared = [{"Resize": {"size": 256}}, {"CenterCrop": {"size": 224}}, NORMALIZE]


@pytest.mark.parametrize(("width", "height"), PROBE_SIZES)
def test_the_usual_list_is_the_weights_own_preprocessing(width: int, height: int) -> None:
    image, own = probe_image("RGB", width, height), SqueezeNet1_1_Weights.DEFAULT.transforms()
    declared = build_preprocess(IMAGENET)(image)
    assert (declared.shape, declared.dtype, type(declared)) == ((3, 224, 224), torch.float32, torch.Tensor)
    # torchvision divides by 255 in the one and multiplies by 1/255 in the other: an ulp of 1, over std.
    torch.testing.assert_close(declared, own(image), rtol=0, atol=2 * torch.finfo(torch.float32).eps / min(STD))
    assert torch.equal(build_preprocess(None, own)(image), own(image))


def test_the_conversions_put_in_are_the_ones_written_out() -> None:
    written: Declared = ["ToImage", {"ToDtype": {"dtype": "float32", "scale": True}}, NORMALIZE, "ToPureTensor"]
    image = probe_image("RGB")
    assert torch.equal(build_preprocess([NORMALIZE])(image), build_preprocess(written)(image))
    reference = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    assert torch.equal(build_preprocess([NORMALIZE])(image), reference(image))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("declared", [None, []])
def test_without_transforms_bytes_become_zero_to_one(mode: Mode, declared: Declared | None) -> None:
    image = probe_image(mode)
    output = build_preprocess(declared)(image)
    expected = torch.from_numpy(np.array(image, dtype=np.float32).reshape(48, 64, -1).transpose(2, 0, 1)) / 255
    torch.testing.assert_close(output, expected)
    assert (output.min(), output.max()) == (0, 1)


def test_declared_conversions_are_respected() -> None:
    image = probe_image("L")
    raw = build_preprocess([{"ToDtype": {"dtype": "float32"}}])(image)
    assert torch.equal(raw[0], torch.from_numpy(np.array(image, dtype=np.float32)))
    half = build_preprocess([{"ToDtype": {"dtype": "float16", "scale": True}}])(image)
    torch.testing.assert_close(half, raw / 255, rtol=0, atol=2**-11)
    assert half.dtype == torch.float32


def test_grey_pads_and_interpolations_are_torchvisions() -> None:
    image = probe_image("RGB")
    declared: Declared = [
        "Grayscale",
        {"Pad": {"padding": 3}},
        {"Resize": {"size": [20, 30], "interpolation": "bicubic"}},
    ]
    reference = v2.Compose([v2.Grayscale(), v2.Pad(3), v2.Resize([20, 30], v2.InterpolationMode.BICUBIC)])
    expected = torch.from_numpy(np.array(reference(image), dtype=np.float32))[None] / 255
    torch.testing.assert_close(build_preprocess(declared)(image), expected)
    assert build_preprocess(["RGB"])(probe_image("L")).shape == (3, 48, 64)


def test_a_preprocessing_can_be_sent_to_a_worker() -> None:
    image, preprocess = probe_image("RGB"), build_preprocess(IMAGENET)
    assert torch.equal(pickle.loads(pickle.dumps(preprocess))(image), preprocess(image))


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the user's own with a function, a class and a tensor that it keeps."""
    module = ModuleType("own_transforms")
    kept = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))

    class Half:
        def __init__(self, size: int) -> None:
            self.size = size

        def __call__(self, image: Image.Image) -> Image.Image:
            return image.resize((self.size, self.size))

    vars(module).update(
        flipped=lambda image, times=1: image.rotate(180 * times),
        cached=lambda image: kept,
        text=lambda image: "text",
        Half=Half,
        kept=kept,
        number=3,
    )
    monkeypatch.setitem(sys.modules, "own_transforms", module)
    return module


def test_allowed_code_runs_with_its_options(own_module: ModuleType) -> None:
    image = probe_image("RGB")
    for name, options, expected in (
        ("flipped", None, image.rotate(180)),
        ("flipped", {"times": 2}, image),
        ("Half", {"size": 5}, image.resize((5, 5))),
    ):
        declared: Declared = [{f"own_transforms:{name}": options}]
        output = build_preprocess(declared, allow_code=("own_transforms",))(image)
        assert torch.equal(output, build_preprocess(None)(expected))


def test_a_tensor_that_code_keeps_is_not_changed(own_module: ModuleType) -> None:
    before = own_module.kept.clone()
    declared: Declared = ["own_transforms:cached", NORMALIZE]
    output = build_preprocess(declared, allow_code=("own_transforms",))(probe_image("RGB"))
    assert torch.equal(own_module.kept, before)
    assert torch.equal(output, v2.Normalize(MEAN, STD)(before))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (["Resise"], "images.preprocess[0]: 'Resise' is not an allowed transform; did you mean 'Resize'?"),
        (
            ["Grayscale", "Lambda"],
            "images.preprocess[1]: 'Lambda' is not an allowed transform; choose from CenterCrop,",
        ),
        (
            [{"RandomCrop": {"size": 3}}],
            "images.preprocess[0]: RandomCrop draws at random; a study's images must be the",
        ),
        (["ToTensor"], "images.preprocess[0]: ToTensor is deprecated in torchvision; expected nothing. Leave it out:"),
        ([{"Resize": {"sise": 3}}], "images.preprocess[0]: Resize has no option 'sise'; did you mean 'size'?"),
        ([{"Resize": 256}], "images.preprocess[0]: Resize is given 256; expected a mapping of its options, as Resize:"),
        (
            [{"Resize": {}, "Pad": {}}],
            "images.preprocess[0]: {'Resize': {}, 'Pad': {}} is no transform; expected a name",
        ),
        ([{"CenterCrop": {}}], "images.preprocess[0]: CenterCrop does not take {} ("),
        ([{"Resize": {"size": "big"}}], "images.preprocess[0]: Resize does not take {size: big} ("),
        (
            [{"ToDtype": {"dtype": "float23"}}],
            "images.preprocess[0]: ToDtype has no dtype 'float23'; did you mean 'float",
        ),
        (
            [{"Resize": {"size": 8, "interpolation": "linear"}}],
            "images.preprocess[0]: Resize has no interpolation 'linear'",
        ),
        (
            ["own_transforms:flipped"],
            "images.preprocess[0]: own_transforms:flipped runs code of the module 'own_transforms'",
        ),
        (
            ["os:system"],
            "images.preprocess[0]: os:system runs code of the module 'os'; expected a transform of torchvision.",
        ),
        (["ok_module:x"], "images.preprocess[0]: ok_module:x cannot be imported (No module named 'ok_module');"),
        (["ok:number"], "images.preprocess[0]: ok:number is int; expected a callable."),
    ],
)
def test_wrong_declarations(
    declared: Declared, message: str, own_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ok", own_module)
    with pytest.raises(UserError) as caught:
        build_preprocess(declared, allow_code=("ok", "ok_module"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_code_that_is_not_allowed_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harmful.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"If you trust the module, add --allow-code harmful to the command line\."):
        build_preprocess(["harmful:x"])
    assert not (tmp_path / "ran").exists()


def test_a_step_that_cannot_take_the_picture_is_named() -> None:
    with pytest.raises(
        UserError, match=r"images\.preprocess: Normalize fails on a picture of 64 x 48 in mode L \(.*\)\."
    ):
        build_preprocess([NORMALIZE])(probe_image("L"))


def test_a_result_that_no_network_takes_is_named(own_module: ModuleType) -> None:
    preprocess = build_preprocess(None, default=own_module.text, option="nets.a.preprocess")
    with pytest.raises(
        UserError, match=r"nets\.a\.preprocess: the weights' own.*, the last step, gives str; expected float32"
    ):
        preprocess(probe_image("L"))


def test_the_digest_tells_preprocessings_apart() -> None:
    several: list[Declared] = [
        [],
        [{"Resize": {"size": 48}}],
        [{"Resize": {"size": [48, 64]}}],
        [{"Resize": {"size": 24}}],
        [{"Resize": {"size": 24, "interpolation": "bicubic"}}],
        ["ToImage", {"Resize": {"size": 24, "antialias": False}}],
        [{"CenterCrop": {"size": 24}}],
        ["Grayscale"],
        [NORMALIZE],
    ]
    digests = [preprocess_digest(build_preprocess(declared), "RGB") for declared in several]
    assert len(set(digests)) == len(several)
    assert digests == [preprocess_digest(build_preprocess(declared), "RGB") for declared in several]


@pytest.mark.parametrize("mode", ["RGB", "L", "F"])
def test_the_probe_picture_covers_the_range(mode: Mode) -> None:
    image = probe_image(mode)
    assert (image.mode, image.size, image.tobytes()) == (mode, (64, 48), probe_image(mode).tobytes())
    assert np.asarray(image).min() == 0
    assert np.asarray(image).max() == 255
