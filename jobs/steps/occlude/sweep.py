"""The sweep of one unit of work: raw grids of every image, the numbers that stay, and the layer's strongest images."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from analysis.activations import complete, recorded
from analysis.attribution.occlusion import occlusion
from analysis.units.top_images import TopImages, top_images
from jobs.steps.backward_maps import chunks
from jobs.steps.step import Arrays, Batch
from jobs.steps.top_images.step import named_arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.occlude.whole_images import Occlude

OTHERS = 3
"""Strongest other images of a map that are shown beside an image."""


class Covered:
    """Running numbers and grids."""

    def __init__(self, step: "Occlude", plan: "Plan", windows: slice = slice(None)):
        """windows: the rows of windows that are swept."""
        self.step, self.plan, self.windows = step, plan, windows
        self.numbers: dict[str, list[np.ndarray]] = {}
        self.strongest: dict[str, TopImages] = {}
        self.drawn: Arrays = {}
        self.last: dict[str, list[np.ndarray]] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch, a few images at a time."""
        self.last = {}
        for net, layer in zip(self.step.nets, self.step.layers, strict=True):
            for some in chunks(len(batch.rows), batch.images[net].shape[1:]):
                images, labels, rows = batch.images[net][some], batch.labels[some], batch.rows[some]
                logits, maps = _clean(batch.nets[net], images, layer)
                self._look(f"{net}/{layer}", maps, rows)
                predicted = logits.argmax(1)
                classes = torch.from_numpy(labels).to(images.device) if self.step.options.of == "label" else predicted
                strongest = maps.sum((2, 3)).argmax(1)
                self._note(net, "row", rows)
                self._note(net, "label", labels)
                for name, numbers in (("class", classes), ("predicted", predicted), ("channel", strongest)):
                    self._note(net, name, numbers.cpu().numpy())
                targets = self.step.targets(self.plan, net, classes, strongest)
                occluder = self.step.occluder(batch.scales[net])
                found = occlusion(batch.nets[net], images, targets, occluder, rows_of_windows=self.windows)
                self._keep(net, rows, found.clean, found.scores)

    def _look(self, layer: str, maps: Tensor, rows: np.ndarray) -> None:
        new = top_images(maps, rows, OTHERS + 1)  # one of them may be the image itself
        self.strongest[layer] = self.strongest[layer].merge(new) if layer in self.strongest else new

    def _keep(self, net: str, rows: np.ndarray, clean: Tensor, scores: Tensor) -> None:
        grids = scores.cpu().numpy().astype(np.float32)
        self._note(net, "clean", clean.cpu().numpy())
        self._note(net, "lowest", grids.min((2, 3)))
        self._note(net, "where", grids.reshape(*grids.shape[:2], -1).argmin(2))
        self.last.setdefault(f"{net}.grid", []).append(grids)
        for row, grid in zip(rows, grids, strict=True):
            if row < self.step.options.images:
                self.drawn[f"{net}|grid|{row}"] = grid

    def _note(self, net: str, name: str, values: np.ndarray) -> None:
        self.numbers.setdefault(f"{net}|{name}", []).append(values)

    def rows(self) -> Arrays:
        """Grids of the last batch."""
        return {name: np.concatenate(parts) for name, parts in self.last.items()}

    def arrays(self) -> Arrays:
        """Numbers of every image, strongest images of every channel, grids of images that are drawn."""
        numbers = {name: np.concatenate(parts) for name, parts in self.numbers.items()}
        return numbers | self.drawn | named_arrays(self.strongest)


@torch.no_grad()
def _clean(module: nn.Module, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Logits (images, classes) and the layer's maps."""
    takes = {layer: torch.clone}
    with recorded(module, takes) as outputs:
        logits = module(images)
    return logits, complete(outputs, takes)[layer]
