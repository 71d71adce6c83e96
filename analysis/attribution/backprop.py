"""Which pixels, moved which way, would excite a neuron? Backward images by gradient, deconvnet and guided backprop.

The seed is zeros with a 1 at the neuron; the image that arrives at the pixels keeps its sign and its colors (Simonyan
et al., 2013, arXiv:1312.6034; Zeiler & Fergus, 2014, arXiv:1311.2901; Springenberg et al., 2015, arXiv:1412.6806).
Read the last two with care: they tend to reconstruct the image whichever class is asked for (Nie et al., 2018,
arXiv:1805.07039); `randomization` is the control.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.neuron import Neuron
from analysis.attribution.rules import Rule


@dataclass(frozen=True, eq=False)
class Backward:
    """What came back to the pixels of each image, from which neuron."""

    images: Images
    """In units of the neuron's activation by units of the pixels."""
    values: Float[Tensor, " images"]
    """The neuron's activation in each image."""
    positions: Int[Tensor, "images 2"]
    """(y, x) of the neuron on its layer's map."""


def backward_images(net: nn.Module, images: Images, neuron: Neuron, rule: Rule) -> Backward:
    """One backward pass for the batch; images do not influence one another. The network is left as it was.

    With `gradient` a direction's image is the same combination of its channels' images. The other rules stop negative
    gradients at the first activation they meet, which may be the named layer itself, and are not linear.
    Raises the errors of `forward`, `Neuron.target` and `activation_rule`, and ValueError where the neuron does not
    depend on the pixels.
    """
    with forward(net, images, [neuron.layer], rule) as (leaf, (maps,)):
        target = neuron.target(maps)
        back = gradient(target.values, leaf, (neuron.name, "the pixels"))
    return Backward(back, target.values.detach(), target.positions)
