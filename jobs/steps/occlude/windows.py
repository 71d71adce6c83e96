"""The sweep of `occlude` shared out by windows as well: a task is some images and a band of rows of windows.

For few images of many windows, where images alone would leave workers idle. The scores are those of the pass; the raw
grids of all images are in the results, not in the store.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from jobs.batches import frame
from jobs.errors import UserError
from jobs.steps.occlude.datasets import dataset
from jobs.steps.occlude.sweep import Covered
from jobs.steps.occlude.whole_images import Occlude
from jobs.steps.step import Arrays, Results, Step, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

TOGETHER = 8
"""Images of a task: their windows are computed together."""

MOST_BYTES = 10**9
"""Of all grids, which the driver holds at once."""


class Part(NamedTuple):
    """One task."""

    net: str
    images: slice
    windows: slice
    """Rows of windows."""


@dataclass(frozen=True)
class OccludeWindows(WithoutPass):
    """Bound to a plan."""

    sweep: Occlude

    name: ClassVar[str] = "occlude"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, sweep: Occlude, plan: "Plan") -> "OccludeWindows":
        """UserError for more grids than the driver could hold."""
        size = 4 * plan.rows * sum(int(np.prod(sweep.grid(net, plan))) for net in sweep.nets)
        if size > MOST_BYTES:
            raise UserError(
                f"steps.occlude.bands: {sweep.options.bands} bands of {plan.rows:,} images would gather "
                f"{size / 1e9:.1f} GB of grids, at most {MOST_BYTES / 1e9:.0f} GB go; leave bands out, so that grids "
                "go to the store."
            )
        return cls(sweep)

    def identity(self) -> dict[str, Any]:
        """Of the sweep; its options have the number of bands."""
        return self.sweep.identity()

    def prerequisites(self) -> tuple[Step, ...]:
        """Those of the sweep."""
        return self.sweep.prerequisites()

    def informed(self, results: list[Results]) -> "OccludeWindows":
        """With their results."""
        return OccludeWindows(self.sweep.informed(results))

    def parts(self, plan: "Plan", net: str) -> list[list[Part]]:
        """The tasks of a network: a list of bands for each few images."""
        down = self.sweep.grid(net, plan)[1]
        bands = [
            slice(int(band[0]), int(band[-1]) + 1)
            for band in np.array_split(np.arange(down), min(self.sweep.options.bands, down))
        ]
        starts = range(0, plan.rows, TOGETHER)
        return [[Part(net, slice(start, min(start + TOGETHER, plan.rows)), band) for band in bands] for start in starts]

    def every(self, plan: "Plan") -> list[Part]:
        """All tasks, in order."""
        return [part for net in self.sweep.nets for some in self.parts(plan, net) for part in some]

    def tasks(self, plan: "Plan") -> int:
        """One for each few images and band."""
        return len(self.every(plan))

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Sweep a band over some images."""
        part = self.every(plan)[number]
        rows = np.arange(plan.rows)[part.images]
        valid = np.array([views.decodes(row) for row in rows])
        if not valid.any():
            return {}
        net, layer = part.net, self.sweep.layers[self.sweep.nets.index(part.net)]
        covered = Covered(replace(self.sweep, nets=(net,), layers=(layer,)), plan, part.windows)
        covered.update(
            replace(
                frame(plan, views.manifest, rows, valid),
                images={net: views.images(net, rows[valid]).to(plan.device)},
                nets={net: views.net(net).to(plan.device)},
                scales={net: views.scale(net).to(plan.device)},
            )
        )
        return {f"{number}|{name}": values for name, values in (covered.arrays() | covered.rows()).items()}

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a network, with the grids of all images."""
        found, number = {}, 0
        for net, layer in zip(self.sweep.nets, self.sweep.layers, strict=True):
            step, wholes = replace(self.sweep, nets=(net,), layers=(layer,)), list[Arrays]()
            for bands in self.parts(plan, net):
                swept = [_of(arrays, number + band) for band in range(len(bands))]
                wholes.append(_joined(step, net, swept) if swept[0] else {})
                number += len(bands)
            merged = reduce(step.merge, wholes)
            one = dataset(step, plan, views, net, merged)
            found[net] = one.assign(grids=(("image", "target", "window_row", "window_column"), merged[f"{net}|grids"]))
        return found

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """As of the sweep."""
        return self.sweep.present(plan, results, views)


def _of(arrays: Arrays, number: int) -> Arrays:
    prefix = f"{number}|"
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _joined(step: Occlude, net: str, bands: list[Arrays]) -> Arrays:
    """What one sweep of all windows would have left of these images."""
    grids = np.concatenate([band[f"{net}.grid"] for band in bands], axis=2)
    whole = {name: values for name, values in bands[0].items() if name != f"{net}.grid"}
    whole |= {f"{net}|lowest": grids.min((2, 3)), f"{net}|where": grids.reshape(*grids.shape[:2], -1).argmin(2)}
    drawn = [(row, grid) for row, grid in zip(whole[f"{net}|row"], grids, strict=True) if row < step.options.images]
    return whole | {f"{net}|grid|{row}": grid for row, grid in drawn} | {f"{net}|grids": grids}
