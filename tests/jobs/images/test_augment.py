"""Augmentation is a function of the batch and the generator alone."""

import pytest
import torch
from torchvision.transforms import v2  # type: ignore[import-untyped]

from jobs.errors import UserError
from jobs.images.augment import Augment, build_augment
from jobs.images.options import Declared


def built(declared: Declared) -> Augment:
    augment = build_augment(declared)
    assert augment is not None
    return augment


def batch(images: int = 16, channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.randn(images, channels, size, size, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


USUAL: Declared = [{"RandomCrop": {"size": 8, "padding": 2}}, "RandomHorizontalFlip"]


def test_the_generator_decides_and_advances() -> None:
    augment, generator = built(USUAL), seeded()
    first, second = augment(batch(), generator), augment(batch(), generator)
    assert torch.equal(first, augment(batch(), seeded()))
    assert not torch.equal(first, second)
    assert not torch.equal(first, augment(batch(), seeded(1)))


def test_global_generators_and_the_batch_are_left_alone() -> None:
    images, state = batch(), torch.get_rng_state()
    built([*USUAL, {"RandomErasing": {"p": 1.0, "inplace": True, "value": "random"}}])(images.clone(), seeded())
    assert torch.equal(torch.get_rng_state(), state)
    built(USUAL)(images, seeded())
    assert torch.equal(images, batch())


def test_every_image_is_drawn_for_itself_and_is_itself_or_its_mirror() -> None:
    images = batch(64)
    output = built(["RandomHorizontalFlip"])(images, seeded())
    kept = (output == images).flatten(1).all(1)
    mirrored = (output == images.flip(-1)).flatten(1).all(1)
    assert torch.all(kept ^ mirrored)
    # 32 of 64 are expected; 16 and 48 are four standard deviations away.
    assert 16 < int(kept.sum()) < 48


def test_crops_are_torchvisions_windows_of_the_padded_image() -> None:
    image = batch(1)
    padded = v2.functional.pad(image[0], 2)
    windows = {padded[:, y : y + 8, x : x + 8].numpy().tobytes() for y in range(5) for x in range(5)}
    output = built([{"RandomCrop": {"size": 8, "padding": 2}}])(image.repeat(40, 1, 1, 1), seeded())
    found = {one.numpy().tobytes() for one in output}
    assert found <= windows
    assert len(found) > 10


def test_nothing_declared_is_nothing_done() -> None:
    assert build_augment(None) is None
    assert build_augment([]) is None
    assert built(USUAL)(batch(0), seeded()).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            ["ColorJitter"],
            "train.augment[0]: ColorJitter changes colors within 0..1, but training images are normalized.",
        ),
        (["RandomCorp"], "train.augment[0]: 'RandomCorp' is not an allowed transform; did you mean 'RandomCrop'?"),
        ([{"Resize": {"size": 3}}], "train.augment[0]: 'Resize' is not an allowed transform;"),
        (["mine:x"], "train.augment[0]: mine:x runs code of the module 'mine';"),
    ],
)
def test_wrong_declarations(declared: Declared, message: str) -> None:
    with pytest.raises(UserError) as caught:
        build_augment(declared)
    assert str(caught.value).startswith(message)


def test_another_shape_and_a_step_that_fails_are_named() -> None:
    with pytest.raises(
        UserError, match=r"train\.augment: images of \(3, 8, 8\) become \(3, 6, 6\); expected the same shape"
    ):
        built([{"RandomCrop": {"size": 6}}])(batch(), seeded())
    with pytest.raises(UserError, match=r"train\.augment: RandomCrop fails on images of \(3, 8, 8\) \(.+\)\. Change"):
        built([{"RandomCrop": {"size": 12}}])(batch(), seeded())
