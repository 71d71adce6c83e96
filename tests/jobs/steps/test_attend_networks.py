"""The step attend over networks of the study: recorded weights of all images at once, whatever the units; refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy, spearmanr
from torch import nn

from analysis.attribution.attention import recorded_attention
from analysis.attribution.randomization import randomized
from analysis.attribution.rollout import rollout, token_map
from jobs.errors import UserError
from jobs.nets.build import build
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import Done, numbers, ran, small

HERE = "tests.jobs.attending_nets"
VIT: dict[str, Any] = {"arch": "vit", "seed": 3, "options": {"patch": 2, "width": 8}}
BLOCKS = [f"encoder.layers.encoder_layer_{number}.self_attention" for number in (0, 1)]


def study(folder: Path, net: dict[str, Any] = VIT, unit: int = 32, layer: str = "conv_proj", **options: Any) -> Study:
    images = {"unit": unit, "batch": 8, "limit": 40}
    step = {"attend": {"images": 3, **options}}
    return small(folder, nets={"a": net}, layers=[layer], images=images, steps=[step])


def done(folder: Path, *arguments: Any, **options: Any) -> Done:
    return numbers(study(folder, *arguments, **options), allow_code=(HERE,))


def plain(run: Done, net: nn.Module) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Images of the run, and all weights of one forward pass over all of them."""
    images = torch.from_numpy(digits(digit_rows(run.blobs))[0]).float()
    with torch.no_grad(), recorded_attention(net) as weights:
        net(images)
    return images, weights


def vit() -> nn.Module:
    return build("vit", (1, 8, 8), 10, VIT["options"], (), 3)


def test_maps_and_numbers_are_those_of_one_pass_over_all_images(tmp_path: Path) -> None:
    run = done(tmp_path)
    found, net = run.results("attend")["a"], vit()
    images, weights = plain(run, net)
    assert found["block"].values.tolist() == list(weights) == BLOCKS
    every = torch.stack(list(weights.values()), 1)  # images, blocks, heads, queries, keys
    row = every[..., 0, 1:].unflatten(-1, (4, 4))
    np.testing.assert_allclose(found["attention"], row[:3], atol=1e-6)
    np.testing.assert_allclose(found["rollout"], token_map(rollout(list(weights.values())))[:3], atol=1e-6)
    spread = np.exp(entropy(row.flatten(-2).double().numpy(), axis=-1)).mean(0)
    np.testing.assert_allclose(found["patches"], spread, rtol=1e-5)
    np.testing.assert_allclose(found["share"], row.sum((-2, -1)).mean(0), rtol=1e-5)
    random = plain(run, randomized(net, 0))[1]
    theirs = token_map(rollout(list(random.values())))
    ours = token_map(rollout(list(weights.values())))
    alike = [spearmanr(one.ravel(), two.ravel()).statistic for one, two in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(found["alike"], np.mean(alike), atol=1e-4)
    np.testing.assert_allclose(found["rollout_random"], theirs[:3], atol=1e-6)
    with torch.no_grad():
        np.testing.assert_array_equal(found["predicted"], net(images).argmax(1)[:3])


def test_other_units_give_the_same(tmp_path: Path) -> None:
    one, other = (done(tmp_path / str(unit), unit=unit).results("attend")["a"] for unit in (32, 16))
    assert int(one["images"]) == int(other["images"]) == 40
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6)


def test_any_token_may_look_and_blocks_may_be_chosen(tmp_path: Path) -> None:
    net = vit()
    for token in ("mean", 5):
        run = done(tmp_path / str(token), token=token, blocks=["*layer_1*"], control=False)
        found = run.results("attend")["a"]
        weights = plain(run, net)[1][BLOCKS[1]]
        row = weights.mean(2) if token == "mean" else weights[:, :, 5]
        assert found["block"].values.tolist() == BLOCKS[1:]
        np.testing.assert_allclose(found["attention"][:, 0], row[:3, :, 1:].unflatten(-1, (4, 4)), atol=1e-6)
        assert "alike" not in found


def test_the_last_tokens_are_the_patches(tmp_path: Path) -> None:
    """Three tokens of the network's own before 64 pixels, read as 4 rows of 16; the layers run in one kernel."""
    net = {"arch": f"{HERE}:encoded", "seed": 1, "options": {"others": 3}}
    run = done(tmp_path, net, layer="embed", token=1, grid=[4, 16])
    found = run.results("attend")["a"]
    weights = plain(run, build(f"{HERE}:encoded", (1, 8, 8), 10, {"others": 3}, (HERE,), 1))[1]
    assert list(weights) == ["encoder.layers.0.self_attn", "encoder.layers.1.self_attn"]
    expected = torch.stack(list(weights.values()), 1)[:3, :, :, 1, 3:].unflatten(-1, (4, 16))
    np.testing.assert_allclose(found["attention"], expected, atol=1e-6)


def test_the_report_draws_heads_and_blocks(tmp_path: Path) -> None:
    """torchvision's own class, on images in colors, with more heads than a row holds beside the image."""
    color = {"source": "digits", "unit": 32, "batch": 8, "limit": 12, "mode": "RGB"}
    nets = {"a": {"arch": f"{HERE}:torchvision_vit", "seed": 1}}
    step = {"attend": {"images": 1}}
    asked = small(tmp_path, nets=nets, layers=["conv_proj"], images=color, steps=[step])
    run = ran(asked, allow_code=(HERE,))
    assert set(run.manifest["figures"]) == {"attend-a", "attend-a-blocks"}
    assert "patches, mean" in run.page
    assert "random weights" in run.page


CONVNET = {"arch": "convnet"}
CROSSING = {"arch": f"{HERE}:crossing"}
UNEQUAL = {"arch": f"{HERE}:unequal"}
ALONE = {"arch": f"{HERE}:encoded"}
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (CONVNET, {}, "steps.attend.nets: a (convnet) has no attention over a whole image; leave it out, or choose"),
    (VIT, {"blocks": ["encoder_9"]}, "steps.attend.blocks: 'encoder_9' is no attention module of a; choose from enc"),
    (VIT, {"grid": [5, 5]}, "steps.attend.grid: [5, 5] are 25 patches and a has 17 tokens; write [rows, columns]"),
    (VIT, {"token": 17}, "steps.attend.token: 17 is no token of a, which has 0 to 16."),
    (VIT, {"nets": ["b"]}, "steps.attend.nets: there is no network 'b'; choose from a"),
    (CROSSING, {}, "steps.attend.blocks: attention of a has 2 queries for 64 keys, and rollout needs self-attention;"),
    (UNEQUAL, {}, "steps.attend.blocks: 1.self_attn of a has 4 heads over 64 tokens and 0.self_attn 2 over 64; choose"),
    (ALONE, {}, "steps.attend.token: all 64 tokens of a are patches, none of them a class token; write mean"),
    ({**ALONE, "options": {"others": 2}}, {}, "steps.attend.grid: the 66 tokens of a are no square of patches"),
]


@pytest.mark.parametrize(("net", "options", "message"), REFUSED, ids=[message[13:50] for *_, message in REFUSED])
def test_what_is_not_there_is_named(tmp_path: Path, net: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, net, layer="input", **options)
    assert str(refused.value).startswith(message)
    assert not list(tmp_path.iterdir())


def test_other_steps_do_not_ask_networks_for_attention(tmp_path: Path) -> None:
    """Recording runs code of the network's own in ways that a study without attention need not bear."""
    run = numbers(small(tmp_path, nets={"a": VIT}, layers=["conv_proj"], steps=["evaluate"]))
    assert '"attention": {}' in run.blobs.read("plan.json").decode()
