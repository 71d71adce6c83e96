"""Top-1 and top-5 accuracy of each network on the study's images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.presentation import Presentation
from jobs.steps.step import Arrays, Batch, Needs, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views

TOP = (1, 5)


class EvaluateOptions(BaseModel):
    """No options: all networks of the study."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Evaluate:
    """Counts images whose label is among a network's strongest logits."""

    nets: tuple[str, ...]

    name: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, _options: EvaluateOptions, plan: "Plan") -> "Evaluate":
        """Over every network of the study; checkpoints are none of its own."""
        return cls(tuple(plan.studied()))

    def identity(self) -> dict[str, Any]:
        """The networks."""
        return {"nets": list(self.nets)}

    def needs(self) -> Needs:
        """Every network's output."""
        return Needs(logits=frozenset(self.nets))

    def result_bytes(self, _plan: "Plan") -> int:
        """Two counts a network."""
        return 8 * (1 + len(TOP) * len(self.nets))

    def split(self, _plan: "Plan", _limit_bytes: int) -> list[Step]:
        """One block."""
        return [self]

    def reducer(self, _plan: "Plan") -> "Hits":
        """Counts of one unit."""
        return Hits(self.nets)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Counts add."""
        return {name: left[name] + right[name] for name in left}

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """`accuracy` (nets, top), NaN where the network's output does not fit the labels."""
        labeled = arrays["labeled"]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.stack([arrays[f"hits/{net}"] for net in self.nets]) / labeled
        dataset = xr.Dataset(
            {"accuracy": (("net", "top"), share), "images": ((), labeled)},
            coords={"net": list(self.nets), "top": list(TOP)},
        )
        return {"accuracy": dataset}

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> Presentation:
        """The table of accuracies on the study's own images."""
        found = results["accuracy"]["accuracy"]
        rows: list[tuple[Cell, ...]] = [
            (net, *(float(value) for value in found.sel(net=net).values)) for net in self.nets
        ]
        note = (
            f"Share of the {int(results['accuracy']['images']):,} labeled images of this study whose class is a "
            "network's first choice, or among its first five. "
        )
        if any(plan.nets[net].trained for net in self.nets):
            note += "Some may be images that a network was trained on: the table of networks has held-out accuracy."
        return Presentation(
            tables=(Table("Accuracy on the study's images", ("network", "top-1", "top-5"), rows, note),)
        )


class Hits:
    """Running counts of one unit."""

    def __init__(self, nets: tuple[str, ...]):
        self.hits = {net: np.zeros(len(TOP)) for net in nets}
        self.labeled = 0.0

    def update(self, batch: Batch) -> None:
        """Add a batch; images without a label do not count."""
        labeled = batch.labels >= 0
        self.labeled += float(labeled.sum())
        for net, hits in self.hits.items():
            hits += _hits(batch.logits.get(net), batch.labels, labeled)

    def arrays(self) -> Arrays:
        """Counts by name."""
        return {"labeled": np.array(self.labeled), **{f"hits/{net}": hits for net, hits in self.hits.items()}}


def _hits(logits: Tensor | None, labels: np.ndarray, labeled: np.ndarray) -> np.ndarray:
    if logits is None or logits.ndim != 2 or (labels[labeled] >= logits.shape[1]).any():
        return np.full(len(TOP), np.nan)
    strongest = logits.topk(min(max(TOP), logits.shape[1]), dim=1).indices.cpu().numpy()
    correct = (strongest == labels[:, None]) & labeled[:, None]
    return np.array([correct[:, :top].any(axis=1).sum() for top in TOP], np.float64)
