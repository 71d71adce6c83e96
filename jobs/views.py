"""What a step may look at when it finishes and draws: the loaded networks, the images, the stored activations."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cluster.blobs import Blobs
from jobs.inputs import Inputs
from jobs.plan import Plan
from jobs.stored_rows import StoredRows


class Views:
    """Opened in the driver; each part when it is first asked for."""

    def __init__(self, inputs: Inputs, plan: Plan, run: Blobs, store_ledger: str):
        self.inputs, self.plan, self.run, self.store_ledger = inputs, plan, run, store_ledger

    def net(self, name: str) -> nn.Module:
        """A network of the plan, on the CPU in eval mode."""
        return self.inputs.net(name, self.plan.nets[name])

    @cached_property
    def stored(self) -> StoredRows:
        """Activations in the store."""
        return StoredRows(self.plan, self.run, self.store_ledger)

    def images(self, net: str, rows: Int[np.ndarray, " images"]) -> Float[Tensor, "images channels height width"]:
        """Images by row, as a network sees them."""
        prepare, entries = self.inputs.preprocesses[net], self.stored.manifest.entries
        return torch.stack([prepare(self.inputs.source.load(entries[row])) for row in rows])
