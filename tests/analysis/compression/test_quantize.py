"""Weights that share values: codes stay, values move by the sum of their gradients."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from analysis.compression.prune import PrunedWeights, magnitude_masks
from analysis.compression.quantize import Shared, SharedWeights, first_places, shared, write
from analysis.compression.selection import layer_weights
from analysis.dynamics.recipe import Optimizer, TrainOptions
from analysis.dynamics.seeding import seeded
from analysis.dynamics.train import Hook, TrainState, train


class CodebookWeight(nn.Module):
    """The same by torch's own gradients: a parametrization whose trained parameter is the codebook."""

    def __init__(self, layer: Shared):
        super().__init__()
        self.codes: Tensor
        self.first: Tensor
        self.register_buffer("codes", layer.codes)
        self.register_buffer("first", first_places(layer.codes.flatten(), len(layer.codebook)), persistent=False)

    def forward(self, codebook: Tensor) -> Tensor:
        """The weight."""
        return torch.cat([codebook.new_zeros(1), codebook])[self.codes]

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The codebook of a weight that has the same codes."""
        return weight.flatten()[self.first]


def pruned_net() -> nn.Module:
    with seeded("cpu", 4):
        net = nn.Sequential(OrderedDict(fc1=nn.Linear(6, 37), relu=nn.ReLU(), fc2=nn.Linear(37, 3)))
    weights = layer_weights(net)
    for name, mask in magnitude_masks(weights, 0.4).items():
        weights[name].mul_(mask)
    return net


def points() -> tuple[Tensor, Tensor]:
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    return x, x[:, :3].argmax(1)


def coded_net(bits: int = 3) -> tuple[nn.Module, dict[str, Shared]]:
    net = pruned_net()
    sharing = shared(layer_weights(net), bits)
    write(net, sharing)
    return net, sharing


def same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.detach().view(torch.int32), other.detach().view(torch.int32))


def test_nonzero_weights_share_2_to_the_bits_values_and_zero_stays() -> None:
    net = pruned_net()
    before = layer_weights(net)["fc1.weight"].clone()
    sharing = shared(layer_weights(net), {"fc1.weight": 3, "fc2.weight": 2})
    write(net, sharing)
    after = layer_weights(net)["fc1.weight"]
    assert [len(layer.codebook) for layer in sharing.values()] == [8, 4]
    assert len(after.unique()) == 9
    assert torch.equal(after == 0, before == 0)
    assert torch.equal(sharing["fc1.weight"].codes == 0, before == 0)
    distances = (before[before != 0][:, None] - sharing["fc1.weight"].codebook).abs()
    assert torch.allclose((after - before)[before != 0].abs(), distances.min(1).values)


def test_few_weights_have_few_values() -> None:
    sharing = shared({"w": torch.tensor([0.0, 1.0, 2.0, 1.0])}, 5)["w"]
    assert sharing.codebook.tolist() == [1.0, 2.0]
    assert sharing.codes.tolist() == [0, 1, 2, 1]


class Watch(Hook):
    """Weights are `table[codes]` to the bit, before and after every step."""

    def __init__(self, sharing: dict[str, Shared], held: SharedWeights):
        self.sharing, self.held, self.steps = sharing, held, 0

    def before_forward(self, net: nn.Module, step: int) -> None:
        for name, layer in self.held.sharing(net).items():
            assert torch.equal(layer.codes, self.sharing[name].codes)
            assert same_bits(net.get_parameter(name), layer.weight())

    def after_step(self, net: nn.Module, step: int) -> None:
        self.before_forward(net, step)
        self.steps += 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_training_moves_values_and_never_codes(optimizer: Optimizer) -> None:
    net, sharing = coded_net()
    held = SharedWeights(sharing)
    watch = Watch(sharing, held)
    train(net, *points(), TrainOptions(epochs=4, batch=20, optimizer=optimizer), hooks=[held, watch])
    assert watch.steps == 12
    trained = held.sharing(net)
    for name, layer in sharing.items():
        assert torch.equal(trained[name].codes, layer.codes)
        assert (trained[name].codebook != layer.codebook).all()
        assert not net.get_parameter(name)[layer.codes == 0].view(torch.int32).any()


def test_the_gradient_of_a_value_is_the_sum_over_its_weights() -> None:
    net, sharing = coded_net()
    x, y = points()
    nn.functional.cross_entropy(net(x), y).backward()
    for name, layer in sharing.items():
        gradient = net.get_parameter(name).grad
        assert gradient is not None
        own = gradient.clone()
        SharedWeights({name: layer}).after_backward(net, 0)
        for code in range(1, len(layer.codebook) + 1):
            chosen = layer.codes == code
            assert torch.allclose(gradient[chosen], own[chosen].sum(), rtol=1e-5, atol=1e-8)
        assert not gradient[layer.codes == 0].any()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_the_hook_trains_as_the_parametrization_does(optimizer: Optimizer) -> None:
    net, sharing = coded_net()
    other, _ = coded_net()
    for name, layer in sharing.items():
        parametrize.register_parametrization(
            other.get_submodule(name.partition(".")[0]), "weight", CodebookWeight(layer)
        )
    assert sum(p.numel() for p in other.parameters()) == 8 + 8 + 37 + 3
    options = TrainOptions(epochs=3, batch=20, optimizer=optimizer, weight_decay=0.01)
    train(net, *points(), options, hooks=[SharedWeights(sharing)])
    train(other, *points(), options)
    for name in sharing:
        parametrize.remove_parametrizations(other.get_submodule(name.partition(".")[0]), "weight")
        torch.testing.assert_close(net.get_parameter(name), other.get_parameter(name), rtol=2e-4, atol=2e-5)


def test_a_resumed_run_gives_the_bits_of_a_whole_one() -> None:
    options = TrainOptions(epochs=4, batch=20)
    whole, sharing = coded_net()
    states: list[TrainState] = []
    train(whole, *points(), options, hooks=[SharedWeights(sharing)], on_epoch=states.append)
    resumed = pruned_net()
    train(resumed, *points(), options, hooks=[SharedWeights(sharing)], state=states[2])
    assert all(same_bits(whole.get_parameter(name), resumed.get_parameter(name)) for name in sharing)


def test_pruning_and_sharing_go_together() -> None:
    net, sharing = coded_net()
    masks = {name: layer.codes != 0 for name, layer in sharing.items()}
    held = SharedWeights(sharing)
    hooks = [PrunedWeights(masks), held, Watch(sharing, held)]
    train(net, *points(), TrainOptions(epochs=1, batch=20), hooks=hooks)


def test_what_cannot_be_shared_is_refused_with_the_layer() -> None:
    with pytest.raises(ValueError, match=r"^w is to have codes of 9 bits; expected 1 to 8$"):
        shared({"w": torch.ones(3)}, 9)
    with pytest.raises(ValueError, match=r"^w has no nonzero weight left to share$"):
        shared({"w": torch.zeros(3)}, 2)
    with pytest.raises(ValueError, match="needs a generator"):
        shared({"w": torch.ones(3)}, 2, "random")
    drawn = [
        shared(
            {"w": torch.randn(50, generator=torch.Generator().manual_seed(0))}, 2, "random", np.random.default_rng(1)
        )
        for _ in range(2)
    ]
    assert torch.equal(drawn[0]["w"].codebook, drawn[1]["w"].codebook)
