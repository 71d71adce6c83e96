"""Grad-CAM is class activation mapping where a linear layer reads channel means; it is blind to in-place ReLUs."""

import pytest
import torch
from torch import nn

from analysis.attribution.grad_cam import grad_cam
from analysis.attribution.neuron import Neuron
from tests.analysis.attribution.nets import Call, pictures, small_net


def test_with_channel_means_it_is_class_activation_mapping() -> None:
    """The class's weights over the number of positions, times the maps (Zhou et al., 2016, arXiv:1512.04150)."""
    net, images = small_net(), pictures()
    found = grad_cam(net, images, "act2", Neuron(channel=[0, 2, 3]))
    maps = net[:6](images).detach()  # type: ignore[index]
    expected = torch.stack([(net.fc.weight[c] @ maps[i].flatten(1)) for i, c in enumerate([0, 2, 3])]).detach()  # type: ignore[union-attr, index]
    torch.testing.assert_close(found.maps, expected.reshape(3, 4, 4).relu() / 16, rtol=1e-10, atol=1e-14)
    assert torch.equal(found.values, net(images)[torch.arange(3), torch.tensor([0, 2, 3])].detach())
    assert found.maps.any()


def test_upsampling_is_bilinear_between_centers() -> None:
    """A map of one row 0, 4 on an image four pixels wide: centers of the two positions are at pixels 0.5 and 2.5."""
    net = nn.Sequential(nn.AvgPool2d((1, 2)), nn.Flatten(), Call(lambda x: x.sum(1, keepdim=True)))
    image = torch.tensor([0.0, 0.0, 4.0, 4.0]).reshape(1, 1, 1, 4)
    found = grad_cam(net, image, "0", Neuron(channel=0))
    assert found.maps.tolist() == [[[0, 4]]]
    assert found.images.tolist() == [[[0, 1, 3, 4]]]


def test_what_an_in_place_relu_overwrites_is_still_the_layer() -> None:
    aliased, plain = small_net(lambda: nn.ReLU(inplace=True)), small_net()
    for layer in ("bn1", "conv2", "act2"):
        found, expected = (grad_cam(net, pictures(), layer, Neuron(channel=1)) for net in (aliased, plain))
        assert torch.equal(found.maps, expected.maps)


def test_a_neuron_inside_the_net_is_explained_too() -> None:
    found = grad_cam(small_net(), pictures(), "act1", Neuron("conv2", 3, "argmax"))
    assert found.images.shape == (3, 12, 12)
    assert found.positions.shape == (3, 2)
    assert found.images.any()


def test_layers_that_cannot_serve_are_refused() -> None:
    net, images = small_net(), pictures()
    with pytest.raises(ValueError, match=r"^No gradient goes from layer conv1 to layer conv2: choose layers that lead"):
        grad_cam(net, images, "conv2", Neuron("conv1", 0, (0, 0)))
    with pytest.raises(KeyError, match="'conv3' is not in the network: did you mean 'conv"):
        grad_cam(net, images, "act1", Neuron("conv3", 0, (0, 0)))
    assert not any(module._forward_hooks for module in net.modules())
    tokens = nn.Sequential(Call(lambda x: x.flatten(2).transpose(1, 2)), Call(lambda x: x.mean(1)))
    with pytest.raises(ValueError, match=r"^Layer 0 gives tokens or columns"):
        grad_cam(tokens, images, "0", Neuron(channel=0))
