"""Recorded weights are those of PyTorch and of the definition; the network keeps its bits, its paths and its state."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.attention import recorded_attention
from analysis.attribution.attention_weights import dot_product_weights, multihead_weights
from analysis.dynamics.seeding import seeded

LENGTHS = torch.tensor([5, 3, 1])
PADDING = torch.arange(5) >= LENGTHS[:, None]
CAUSAL = torch.ones(5, 5).triu(1).bool()


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def multihead(**options: Any) -> nn.MultiheadAttention:
    """Two heads over 8 units, all biases other than zero."""
    with seeded("cpu", 1):
        attention = nn.MultiheadAttention(8, 2, **options).eval()
        for parameter in attention.parameters():
            nn.init.normal_(parameter, std=0.7)
    return attention


def encoder(depth: int = 2, **options: Any) -> nn.TransformerEncoder:
    with seeded("cpu", 2):
        layer = nn.TransformerEncoderLayer(8, 2, 16, **options)
        return nn.TransformerEncoder(layer, depth, enable_nested_tensor=not options.get("norm_first", False)).eval()


def by_definition(attention: nn.MultiheadAttention, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
    """Softmax of scaled dot products, one sample, head, query at a time; inputs are samples first, True is masked."""
    assert attention.in_proj_weight is not None
    w, b = attention.in_proj_weight.double(), attention.in_proj_bias.double()
    size = attention.head_dim
    out = torch.zeros(len(query), 2, query.shape[1], key.shape[1], dtype=torch.float64)
    for n, head, i in ((n, h, i) for n in range(len(query)) for h in range(2) for i in range(query.shape[1])):
        rows = slice(head * size, (head + 1) * size)
        q = w[:8][rows] @ query[n, i].double() + b[:8][rows]
        k = key[n].double() @ w[8:16][rows].T + b[8:16][rows]
        scores = (k @ q) / size**0.5
        out[n, head, i] = scores.masked_fill(mask[n, i], -torch.inf).softmax(0)
    return out


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("masks", [{}, {"key_padding_mask": PADDING}, {"attn_mask": CAUSAL}])
def test_weights_follow_the_definition_and_torch(batch_first: bool, masks: dict[str, Tensor]) -> None:
    attention, x = multihead(batch_first=batch_first), drawn(3, 5, 8)
    inputs = x if batch_first else x.transpose(0, 1)
    with recorded_attention(attention) as found:
        attention(inputs, inputs, inputs, need_weights=False, **masks)
    none = torch.zeros(3, 5, 5, dtype=torch.bool)
    mask = none | masks.get("key_padding_mask", none[:, 0])[:, None] | masks.get("attn_mask", none)
    torch.testing.assert_close(found[""], by_definition(attention, x, x, mask).float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[""].sum(-1), torch.ones(3, 2, 5))
    expected = attention(inputs, inputs, inputs, average_attn_weights=False, **masks)[1]
    assert torch.equal(found[""], expected)
    assert not expected.masked_select(mask[:, None]).any()


def test_cross_attention_and_inputs_without_a_batch() -> None:
    attention, query, key = multihead(batch_first=True), drawn(3, 4, 8), drawn(3, 6, 8, seed=1)
    with recorded_attention(attention) as found:
        attention(query, key, key, need_weights=False)
    mask = torch.zeros(3, 4, 6, dtype=torch.bool)
    torch.testing.assert_close(found[""], by_definition(attention, query, key, mask).float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(multihead_weights(attention, query[0], key[0], key[0]), found[""][:1])


@pytest.mark.parametrize("options", [{"kdim": 3, "vdim": 5}, {"add_bias_kv": True}, {"add_zero_attn": True}])
def test_other_sizes_of_keys_and_keys_that_a_module_adds(options: dict[str, Any]) -> None:
    attention, query = multihead(**options), drawn(4, 3, 8)
    key, value = drawn(6, 3, options.get("kdim", 8), seed=1), drawn(6, 3, options.get("vdim", 8), seed=2)
    with recorded_attention(attention) as found:
        attention(query, key, value)
    assert torch.equal(found[""], attention(query, key, value, average_attn_weights=False)[1])
    assert found[""].shape == (3, 2, 4, 6 if "kdim" in options else 7)


class Counted:
    """A function of torch that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self.function(*args, **kwargs)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> Counted:
    function = Counted(getattr(torch, name))
    monkeypatch.setattr(torch, name, function)
    return function


def test_the_fast_path_of_the_module_is_taken_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    attention, x = multihead(batch_first=True), drawn(3, 5, 8)
    kernel = counted(monkeypatch, "_native_multi_head_attention")
    with torch.no_grad():
        before = attention(x, x, x, need_weights=False)[0]
        with recorded_attention(attention) as found:
            during = attention(x, x, x, need_weights=False)[0]
    assert kernel.calls == 2
    assert torch.equal(before, during)
    assert torch.equal(found[""], attention(x, x, x, average_attn_weights=False)[1])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype")
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("padding", [None, PADDING])
def test_a_layer_in_one_kernel_gives_the_weights_of_the_plain_path(
    monkeypatch: pytest.MonkeyPatch, norm_first: bool, padding: Tensor | None
) -> None:
    """With padding, the encoder without norm_first turns its samples into nested tensors."""
    net, x = encoder(batch_first=True, norm_first=norm_first), drawn(3, 5, 8)
    kernel = counted(monkeypatch, "_transformer_encoder_layer_fwd")
    with torch.no_grad():
        before = net(x, src_key_padding_mask=padding)
        with recorded_attention(net) as found:
            during = net(x, src_key_padding_mask=padding)
    assert kernel.calls == 4
    assert torch.equal(before, during)
    fast = dict(found)
    with recorded_attention(net) as plain:
        net(x, src_key_padding_mask=padding)  # gradients are enabled: the modules run one by one
    assert kernel.calls == 4
    assert list(fast) == list(plain) == ["layers.0.self_attn", "layers.1.self_attn"]
    for name, weights in fast.items():
        for n, length in enumerate(LENGTHS if padding is not None else [5, 5, 5]):  # padding's own rows differ
            torch.testing.assert_close(weights[n, :, :length], plain[name][n, :, :length], rtol=1e-5, atol=1e-6)
            assert not weights[n, ..., length:].any()


def test_gradients_dropout_and_the_callers_random_numbers_stay() -> None:
    net, x = encoder(batch_first=True, dropout=0.5).train(), drawn(3, 5, 8)
    results = []
    for record in (False, True):
        with seeded("cpu", 7):
            net.zero_grad()
            if record:
                with recorded_attention(net) as found:
                    net(x).square().sum().backward()
            else:
                net(x).square().sum().backward()
            results.append((torch.rand(1), [p.grad.clone() for p in net.parameters() if p.grad is not None]))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))
    assert all(not weights.requires_grad for weights in found.values())
    torch.testing.assert_close(found["layers.1.self_attn"].sum(-1), torch.ones(3, 2, 5))


class Twice(nn.Module):
    """One attention module, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = multihead(batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x, x, x, need_weights=False)[0]
        return self.attention(x, x, x, need_weights=False)[0]


def test_each_pass_starts_anew_and_a_second_call_has_its_number() -> None:
    net, x = Twice(), drawn(2, 5, 8)
    with recorded_attention(net) as found:
        net(x)
        first = dict(found)
        net(-x)
        assert list(found) == list(first) == ["attention", "attention@1"]
        assert not torch.equal(found["attention"], first["attention"])
        net(x)
        assert all(torch.equal(found[name], weights) for name, weights in first.items())


def test_the_network_is_left_as_it_was() -> None:
    net = encoder(batch_first=True)
    held = [dict(vars(module)) for module in net.modules()]
    with pytest.raises(RuntimeError, match="inside"), recorded_attention(net):
        raise RuntimeError("inside")
    assert [vars(module).keys() for module in net.modules()] == [before.keys() for before in held]
    shadow = net.layers[0].forward = net.layers[0].forward
    with recorded_attention(net):
        assert net.layers[0].forward is not shadow
    assert net.layers[0].forward is shadow


def test_a_network_without_attention_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Linear has neither nn.MultiheadAttention nor timm's attention: choose a V"):
        recorded_attention(nn.Linear(2, 2)).__enter__()


def test_vision_transformers_of_torchvision() -> None:
    from torchvision.models import VisionTransformer  # type: ignore[import-untyped]

    with seeded("cpu", 3):
        net = VisionTransformer(16, 4, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=3).eval()
        nn.init.normal_(net.heads[0].weight)
    with torch.no_grad():
        before = net(drawn(2, 3, 16, 16))
        with recorded_attention(net) as found:
            assert torch.equal(net(drawn(2, 3, 16, 16)), before)
    assert before.any()
    assert list(found) == [f"encoder.layers.encoder_layer_{number}.self_attention" for number in range(3)]
    assert all(weights.shape == (2, 2, 17, 17) for weights in found.values())


@pytest.mark.parametrize("mask", ["none", "causal", "bool", "float"])
def test_the_weights_of_the_fused_product_give_its_output(mask: str) -> None:
    query, key, value = drawn(2, 3, 4, 8), drawn(2, 3, 4, 8, seed=1), drawn(2, 3, 4, 8, seed=2)
    given: dict[str, dict[str, Any]] = {
        "none": {"scale": 0.2}, "causal": {"is_causal": True}, "bool": {"attn_mask": ~CAUSAL[:4, :4]},
        "float": {"attn_mask": drawn(4, 4)},
    }  # fmt: skip
    options = given[mask]
    expected = nn.functional.scaled_dot_product_attention(query, key, value, **options)
    weights = dot_product_weights(query, key, value, **options)
    torch.testing.assert_close(weights @ value, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 4))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"])
def test_blocks_of_timm_fused_and_not(name: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed (extra timm)")
    with seeded("cpu", 4):
        net = timm.create_model(name, img_size=56, depth=2, num_classes=3).eval()
    found = []
    for fused in (True, False):
        for block in net.blocks:
            block.attn.fused_attn = fused
        with torch.no_grad():
            before = net(drawn(2, 3, 56, 56))
            with recorded_attention(net) as record:
                assert torch.equal(net(drawn(2, 3, 56, 56)), before)
        found.append(dict(record))
    assert list(found[0]) == list(found[1]) == ["blocks.0.attn", "blocks.1.attn"]
    for layer, weights in found[0].items():
        torch.testing.assert_close(weights, found[1][layer], rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:3]))
