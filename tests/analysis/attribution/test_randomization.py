"""Random controls: a copy, by layer, by seed, nested from the top; what reset_parameters does not reach is drawn."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from analysis.attribution.randomization import cascade, randomized
from tests.analysis.attribution.nets import pictures, small_net


def changed(one: nn.Module, other: nn.Module) -> set[str]:
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return {name for (name, tensor), after in pairs if not torch.equal(tensor, after)}


def test_a_copy_with_new_weights_under_its_seed() -> None:
    net, before, random = small_net(), copy.deepcopy(small_net().state_dict()), torch.get_rng_state()
    first, again, other = randomized(net, 3), randomized(net, 3), randomized(net, 4)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not changed(first, again)
    weights = {f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc") for kind in ("weight", "bias")}
    assert changed(first, other) == weights
    assert changed(first, net) == weights | {"bn1.running_mean"}
    assert first.training == net.training
    assert not torch.allclose(first(pictures()), net(pictures()))


def test_named_layers_with_all_inside_them_and_no_others() -> None:
    net = nn.Sequential(small_net(), small_net(), small_net())
    assert {name.partition(".")[0] for name in changed(net, randomized(net, 0, ["1"]))} == {"1"}
    inside = changed(net, randomized(net, 0, ["0.conv*", "2.fc"]))
    assert inside == {f"{m}.{kind}" for m in ("0.conv1", "0.conv2", "2.fc") for kind in ("weight", "bias")}
    assert not changed(net, randomized(net, 0, []))


def test_a_cascade_goes_down_and_keeps_what_it_drew() -> None:
    net = small_net()
    names = cascade(net)
    assert names == ["fc", "conv2", "bn1", "conv1"]
    whole = randomized(net, 5)
    for steps in range(len(names) + 1):
        partly = randomized(net, 5, names[:steps])
        assert {name.partition(".")[0] for name in changed(net, partly)} == set(names[:steps])
        for name in names[:steps]:
            assert not changed(partly.get_submodule(name), whole.get_submodule(name))


class Own(nn.Module):
    """A parameter that no reset knows of."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Parameter(7 + 2 * torch.randn(40, 50, generator=torch.Generator().manual_seed(0)))
        self.scale = nn.Parameter(torch.tensor(3.0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_other_parameters_keep_mean_and_deviation() -> None:
    drawn = randomized(Own(), 1)
    embedding = drawn.get_parameter("embedding")
    assert changed(Own(), drawn) == {"embedding"}
    assert embedding.mean().item() == pytest.approx(7, abs=0.2)  # deviation 2 / sqrt(2000) for each of the two
    assert embedding.std().item() == pytest.approx(2, abs=0.15)
    assert embedding.requires_grad
    assert not drawn.get_parameter("scale").requires_grad


def test_weights_computed_from_others_are_drawn_too() -> None:
    net = nn.Sequential(parametrizations.weight_norm(nn.Linear(5, 6)), nn.MultiheadAttention(4, 2))
    drawn = randomized(net, 0)
    assert {"0.parametrizations.weight.original1", "1.in_proj_weight"} <= changed(net, drawn)


def test_an_unknown_module_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="'conv3' is not in the network: did you mean 'conv"):
        randomized(small_net(), 0, ["conv3"])
