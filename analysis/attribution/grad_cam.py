"""Where on a layer's map is the evidence for a neuron? (Selvaraju et al., 2017, arXiv:1610.02391)

Each channel of the layer is weighed by the mean over positions of the neuron's gradient in it; what is positive in the
weighted sum of the channels is kept.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.neuron import Neuron


@dataclass(frozen=True, eq=False)
class GradCam:
    """One map an image, at least 0."""

    images: Float[Tensor, "images height width"]
    """At the size of the images, bilinear between the centers of the layer's positions."""
    maps: Float[Tensor, "images map_height map_width"]
    """At the size of the layer's maps."""
    values: Float[Tensor, " images"]
    """The neuron's activation in each image."""
    positions: Int[Tensor, "images 2"]
    """(y, x) of the neuron on its layer's map."""


def grad_cam(net: nn.Module, images: Images, layer: str, neuron: Neuron) -> GradCam:
    """Grad-CAM of `neuron` (often a class) on the maps of `layer` (often the last convolution's) before it.

    Upsampling assumes that the layer's maps cover the image evenly. Raises ValueError for a layer without maps
    (vectors and tokens have no rows), and where the neuron does not depend on the layer.
    """
    with forward(net, images, [layer, neuron.layer]) as (_, (maps, end)):
        if maps.shape[3] == 1 and maps.shape[2] != 1:
            raise ValueError(f"Layer {layer} gives tokens or columns, which have no height and width: choose maps.")
        target = neuron.target(end)
        slope = gradient(target.values, maps, (neuron.name, f"layer {layer}"))
    weighed = (slope.mean((2, 3), keepdim=True) * maps.detach()).sum(1).relu()
    size = (images.shape[2], images.shape[3])
    upsampled = nn.functional.interpolate(weighed[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    return GradCam(upsampled, weighed, target.values.detach(), target.positions)
