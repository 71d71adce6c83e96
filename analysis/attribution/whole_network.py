"""Covered images, each run through all of a network: where its operations cannot be listed, and as a reference."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from analysis.activations import as_maps, complete, recorded
from analysis.attribution.forward import Images
from analysis.attribution.incremental.network import Windows
from analysis.attribution.incremental.spans import Region

BATCH_VALUES = 2**21
"""Pixels and colors that a CPU runs at once, fourteen images of 224 x 224: larger batches gain nothing."""


class WholeNetwork:
    """A network in eval mode, and its layers that are read; None is its output."""

    def __init__(self, net: nn.Module, layers: Sequence[str | None]) -> None:
        self.net, self.names = net, layers

    def on(self, images: Images) -> "WholeImages":
        """One run on images as they are."""
        return WholeImages(self, images)

    def outputs(self, images: Images) -> dict[str | None, Tensor]:
        """Maps of the layers. Raises RuntimeError for a layer that does not run, TypeError for what is no tensor."""
        takes = {name: torch.clone for name in self.names if name is not None}
        with recorded(self.net, takes) as found:
            output = self.net(images.clone())  # a first layer may write in place
            outputs: dict[str | None, Tensor] = {**complete(found, takes)}  # type: ignore[dict-item]
        if None in self.names:
            if not isinstance(output, Tensor):
                raise TypeError(f"The network returns {type(output).__name__}: name a layer instead.")
            outputs[None] = as_maps(output)
        return outputs


class WholeImages:
    """Images as they are, to be covered."""

    def __init__(self, network: WholeNetwork, images: Images) -> None:
        self.network, self.images = network, images
        self.layers = network.outputs(images)
        """Maps of the layers."""

    def covered(
        self, windows: Windows, read: Mapping[str | None, Region | None]
    ) -> Iterator[tuple[slice, dict[str | None, Tensor]]]:
        """Maps of the layers with windows covered, some windows at a time; all of them, whatever is read."""
        images = self.images
        batch = max(1, BATCH_VALUES * (16 if images.is_cuda else 1) // images[0].numel())
        for start in range(0, len(windows.image), batch):
            some = slice(start, start + batch)
            covered = images[torch.from_numpy(windows.image[some]).to(images.device)]
            for image, (top, bottom), (left, right) in zip(covered, *windows.region.part(some), strict=True):
                image[:, top:bottom, left:right] = windows.fill[:, None, None]
            yield some, self.network.outputs(covered)
