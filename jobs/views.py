"""What a step may look at when it finishes and draws: the loaded networks, the images, the stored activations."""

from functools import cached_property
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cluster.blobs import Blobs
from jobs.extract import IMAGES
from jobs.images.manifest import Manifest
from jobs.images.source import BadImage
from jobs.inputs import Inputs
from jobs.nets.options import TrainSpec
from jobs.plan import Plan
from jobs.retraining import TrainingData, training_data
from jobs.stored_rows import StoredRows


class Views:
    """Opened in the driver; each part when it is first asked for."""

    def __init__(self, inputs: Inputs, plan: Plan, run: Blobs, store_ledger: str):
        self.inputs, self.plan, self.run, self.store_ledger = inputs, plan, run, store_ledger

    def net(self, name: str) -> nn.Module:
        """A network of the plan, on the CPU in eval mode; loaded once."""
        if name not in self._nets:
            self._nets[name] = self.inputs.net(name, self.plan.nets[name])
        return self._nets[name]

    @cached_property
    def _nets(self) -> dict[str, nn.Module]:
        return {}

    @cached_property
    def manifest(self) -> Manifest:
        """The images in order."""
        return Manifest.load(self.run.read(IMAGES))

    @cached_property
    def stored(self) -> StoredRows:
        """Activations in the store."""
        return StoredRows(self.plan, self.run, self.store_ledger)

    def images(self, net: str, rows: Int[np.ndarray, " images"]) -> Float[Tensor, "images channels height width"]:
        """Images by row, as a network sees them."""
        prepare, entries = self.inputs.preprocesses[net], self.manifest.entries
        return torch.stack([prepare(self.inputs.source.load(entries[row])) for row in rows])

    def first_rows(self, count: int) -> Int[np.ndarray, " images"]:
        """Rows of the first images that can be decoded, at most so many."""
        every = (row for row in range(len(self.manifest)) if self.decodes(row))
        return np.array(list(islice(every, count)), np.int64)

    def decodes(self, row: int) -> bool:
        """Whether an image can be read."""
        try:
            self.inputs.source.load(self.manifest.entries[row])
        except BadImage:
            return False
        return True

    def training_data(self, net: str, train: TrainSpec, option: str) -> TrainingData:
        """Images to train and test a network of the study with; decoded once."""
        key = net, train.model_dump_json(include={"images"})
        if key not in self._training_data:
            self._training_data[key] = training_data(self.inputs, net, train, option)
        return self._training_data[key]

    @cached_property
    def _training_data(self) -> dict[tuple[str, str], TrainingData]:
        return {}

    def scale(self, net: str) -> Float[Tensor, "2 channels height width"]:
        """A black and a white picture as a network sees them."""
        return self.inputs.scale(net, self.manifest)
