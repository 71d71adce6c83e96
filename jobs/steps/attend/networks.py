"""Where do the networks of a study look? Attention of one token to the patches of every image, head by head.

Of every image how many patches each head spreads over, and how much of the rollout (Abnar & Zuidema, 2020,
arXiv:2005.00928) random weights leave unchanged (after Adebayo et al., 2018, arXiv:1810.03292). Of the first images the
maps themselves, of every head of every block, and the rollout.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.attention import recorded_attention
from analysis.attribution.randomization import randomized
from analysis.attribution.rollout import rollout
from jobs.steps.attend.modules import chosen_modules, grid_of
from jobs.steps.attend.networks_datasets import dataset
from jobs.steps.attend.options import NetworksAttention
from jobs.steps.backward_maps import chunks, rank_similarity
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.step import Arrays, Batch, Needs, Results, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

Token = int | Literal["class", "mean"]


@dataclass(frozen=True)
class AttendNetworks:
    """Bound to a plan."""

    options: NetworksAttention
    nets: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...]
    """Of each network its attention modules, in its order."""
    grids: tuple[tuple[int, int], ...]
    """Of each network the rows and columns of its patches."""
    seed: int = 0

    name: ClassVar[str] = "attend"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: NetworksAttention, plan: "Plan") -> "AttendNetworks":
        """Resolve names against the plan; UserError where a network has no attention, or no such block or token."""
        nets = chosen_nets(options.nets, plan, cls.name)
        blocks = tuple(chosen_modules(options.blocks, net, plan) for net in nets)
        grids = tuple(grid_of(options, net, chosen, plan) for net, chosen in zip(nets, blocks, strict=True))
        return cls(options, nets, blocks, grids, plan.seed)

    def identity(self) -> dict[str, Any]:
        """Networks, blocks and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "blocks", "grid"})
        return {"nets": self.nets, "blocks": self.blocks, "grids": self.grids, "seed": self.seed, **options}

    def needs(self) -> Needs:
        """The images, and the networks to run again."""
        return Needs(images=frozenset(self.nets))

    def result_bytes(self, plan: "Plan") -> int:
        """Sums of every head, and the maps of the images that are drawn."""
        heads = [len(chosen) * plan.nets[net].attention[chosen[0]][0] for net, chosen in self._each()]
        cells = [height * width for height, width in self.grids]
        drawn = min(self.options.images, plan.rows)
        return sum(16 * h + 4 * drawn * (h + 2) * places for h, places in zip(heads, cells, strict=True))

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """A network to a block where not all fit."""
        if len(self.nets) == 1 or self.result_bytes(plan) <= limit_bytes:
            return [self]
        parts = zip(self.nets, self.blocks, self.grids, strict=True)
        return [replace(self, nets=(net,), blocks=(chosen,), grids=(grid,)) for net, chosen, grid in parts]

    def reducer(self, _plan: "Plan") -> "Looked":
        """Attention of one unit of work."""
        return Looked(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Sums add; each drawn image is there once."""
        return left | right | {name: left[name] + right[name] for name in left.keys() & right.keys()}

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network."""
        return {
            net: dataset(self, net, chosen, grid, arrays, plan)
            for (net, chosen), grid in zip(self._each(), self.grids, strict=True)
        }

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Heads and rollout over the first images, every block of one, the table of blocks."""
        from jobs.steps.attend.networks_plates import presentation

        return presentation(self, plan, results, views)

    def _each(self) -> list[tuple[str, tuple[str, ...]]]:
        return list(zip(self.nets, self.blocks, strict=True))


class Seen(NamedTuple):
    """What one token sees of the patches of each image."""

    heads: Float[Tensor, "images blocks heads rows columns"]
    flow: Float[Tensor, "images rows columns"]
    """By rollout over the blocks."""
    output: Any
    """Of the network."""


@torch.no_grad()
def seen(net: nn.Module, images: Tensor, blocks: tuple[str, ...], token: Token, grid: tuple[int, int]) -> Seen:
    """Attention to the patches, which are the last tokens, in one forward pass."""
    with recorded_attention(net) as weights:
        output = net(images)
    layers = [weights[name] for name in blocks]

    def over_patches(attention: Tensor) -> Tensor:
        row = attention.mean(-2) if token == "mean" else attention[..., 0 if token == "class" else token, :]
        return row[..., -grid[0] * grid[1] :].unflatten(-1, grid)

    return Seen(over_patches(torch.stack(layers, 1)), over_patches(rollout(layers)), output)


class Looked:
    """Sums and maps of one unit of work."""

    def __init__(self, step: AttendNetworks):
        self.step = step
        self.found: Arrays = {}
        self.controls: dict[str, nn.Module] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch, a few images at a time."""
        for net in self.step.nets:
            if self.step.options.control and net not in self.controls:
                self.controls[net] = randomized(batch.nets[net], self.step.seed)
            for some in chunks(len(batch.rows), batch.images[net].shape[1:]):
                self._add(net, batch.nets[net], batch.images[net][some], batch.rows[some])

    def _add(self, net: str, module: nn.Module, images: Tensor, rows: np.ndarray) -> None:
        asked = self.step.blocks[place := self.step.nets.index(net)], self.step.options.token, self.step.grids[place]
        found = seen(module, images, *asked)
        share = found.heads.sum((3, 4)).double()
        self._sum(f"{net}|images", np.array(len(rows)))
        self._sum(f"{net}|share", share.sum(0).cpu().numpy())
        self._sum(f"{net}|patches", patches(found.heads).sum(0).cpu().numpy())
        flow = found.flow.cpu().numpy()
        drawn = {"heads": found.heads.cpu().numpy(), "flow": flow, **_choice(found.output)}
        if net in self.controls:
            random = seen(self.controls[net], images, *asked).flow.cpu().numpy()
            alike = rank_similarity(flow[:, None], random[:, None])
            self._sum(f"{net}|alike", np.array([np.nansum(alike), np.isfinite(alike).sum()]))
            drawn["random"] = random
        for number, row in enumerate(rows):
            if row < self.step.options.images:
                self.found |= {f"{net}|{name}|{row}": values[number] for name, values in drawn.items()}

    def _sum(self, name: str, values: np.ndarray) -> None:
        self.found[name] = self.found.get(name, 0) + values

    def arrays(self) -> Arrays:
        """Sums over all images, maps of those that are drawn."""
        return self.found


def patches(
    heads: Float[Tensor, "images blocks heads rows columns"],
) -> Float[Tensor, "images blocks heads"]:
    """How many patches the attention spreads over: 2 to its entropy in bits, from 1 to all of them."""
    shares = heads.double().flatten(3)
    shares = shares / shares.sum(-1, keepdim=True)
    return torch.special.entr(shares).sum(-1).exp()


def _choice(output: Any) -> Arrays:
    """The predicted class and its probability, of a network that has classes."""
    if not isinstance(output, Tensor) or output.ndim != 2:
        return {}
    confidence, predicted = output.softmax(1).max(1)
    return {"predicted": predicted.cpu().numpy(), "confidence": confidence.cpu().numpy()}
