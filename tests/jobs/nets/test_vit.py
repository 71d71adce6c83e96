"""The small vision transformer: its tokens, its published form, its one-line refusals."""

import pytest
import torch
from torchvision.models import VisionTransformer  # type: ignore[import-untyped]

from analysis.attribution.attention import recorded_attention
from jobs.errors import UserError
from jobs.nets.build import build


@pytest.mark.parametrize(
    ("in_shape", "options", "shape"),
    [
        ((1, 8, 8), {}, (4, 65, 65)),
        ((1, 28, 28), {}, (4, 50, 50)),
        ((3, 32, 32), {}, (4, 65, 65)),
        ((3, 32, 32), {"patch": 8, "heads": 2, "depth": 3}, (2, 17, 17)),
    ],
)
def test_patches_are_at_most_eight_each_way_unless_told(
    in_shape: tuple[int, int, int], options: dict[str, int], shape: tuple[int, int, int]
) -> None:
    net = build("vit", in_shape, 7, options)
    with torch.no_grad(), recorded_attention(net) as weights:
        assert net(torch.zeros(2, *in_shape)).shape == (2, 7)
    assert len(weights) == options.get("depth", 2)
    assert {tuple(found.shape[1:]) for found in weights.values()} == {shape}


def test_it_is_torchvisions_but_for_the_colors() -> None:
    theirs = VisionTransformer(8, 2, 2, 4, 32, 64, num_classes=10).state_dict()
    for channels in (1, 3):
        ours = build("vit", (channels, 8, 8), 10, {"patch": 2}).state_dict()
        assert ours.keys() == theirs.keys()
        differ = {name for name in ours if ours[name].shape != theirs[name].shape}
        assert differ == ({"conv_proj.weight"} if channels == 1 else set())


@pytest.mark.parametrize(
    ("in_shape", "options", "message"),
    [
        ((1, 8, 6), {}, r"vit takes square images that patches of 1 pixels fill, these are 8x6\. Add `- Resize: {size"),
        ((1, 8, 8), {"patch": 3}, r"patches of 3 pixels fill, these are 8x8\. Add `- Resize: {size: \[9, 9\]}` to "),
        ((1, 8, 8), {"heads": 5}, r"options\.heads: 5 heads do not divide a width of 32; set one to fit the other\."),
        ((1, 8, 8), {"depth": 0}, r"options\.depth: 0 does not suit vit"),
    ],
)
def test_what_does_not_fit_is_named(in_shape: tuple[int, int, int], options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build("vit", in_shape, 10, options)
