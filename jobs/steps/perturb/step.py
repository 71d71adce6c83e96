"""How little changes a network's mind? Adversarial samples of every image: success against the size of the change.

Of every image: its class, and with each attack whether it turned at each epsilon and how near the nearest sample found
is. Of the first images the samples themselves, and the fewest occluders that flip the class.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from analysis.attribution.adversarial import Adversarial, fgsm, pgd
from analysis.attribution.deepfool import deepfool
from jobs.errors import UserError
from jobs.steps.backward_maps import chunks
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.perturb.datasets import dataset
from jobs.steps.perturb.options import NORMS, Attack, PerturbOptions
from jobs.steps.step import Arrays, Batch, Needs, Results, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class Perturb:
    """Bound to a plan."""

    options: PerturbOptions
    nets: tuple[str, ...]

    name: ClassVar[str] = "perturb"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: PerturbOptions, plan: "Plan") -> "Perturb":
        """Resolve names against the plan; UserError where a network is missing, or labels to get away from."""
        nets = chosen_nets(options.nets, plan, cls.name)
        if options.away_from == "label" and not plan.classes:
            raise UserError("steps.perturb.away_from: the images have no labels; write predicted.")
        for net in nets:
            smallest = min(plan.nets[net].in_shape[1:])
            if options.window is not None and options.window > smallest:
                raise UserError(
                    f"steps.perturb.window: {options.window} pixels are more than the images of {net} have, {smallest}."
                )
        return cls(options, nets)

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        return {"nets": self.nets, **self.options.model_dump(mode="json", exclude={"nets"})}

    def needs(self) -> Needs:
        """The images, and the networks to run again."""
        return Needs(images=frozenset(self.nets))

    def result_bytes(self, plan: "Plan") -> int:
        """Numbers of every image, and the samples of those that are drawn."""
        numbers = sum(2 + len(self.options.epsilons(attack)) for attack in self.options.attacks)
        drawn = len(self.options.attacks) * min(self.options.images, plan.rows)
        return sum(
            8 * plan.rows * (4 + numbers) + 4 * drawn * int(np.prod(plan.nets[net].in_shape)) for net in self.nets
        )

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """A network to a block where not all fit."""
        if len(self.nets) == 1 or self.result_bytes(plan) <= limit_bytes:
            return [self]
        return [replace(self, nets=(net,)) for net in self.nets]

    def reducer(self, _plan: "Plan") -> "Perturbed":
        """Samples of one unit of work."""
        return Perturbed(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Numbers of more images; each image's samples are there once."""
        both = {name: np.concatenate([left[name], right[name]]) for name in left.keys() & right.keys()}
        return left | right | both

    def finish(self, _plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, views, net, arrays) for net in self.nets}

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Success against epsilon, the samples of the first images, sentences about occluders, the table."""
        from jobs.steps.perturb.plates import presentation

        return presentation(self, plan, results, views)


class Perturbed:
    """Numbers and samples of one unit of work."""

    def __init__(self, step: Perturb):
        self.step = step
        self.numbers: dict[str, list[np.ndarray]] = {}
        self.drawn: Arrays = {}

    def update(self, batch: Batch) -> None:
        """Add a batch, a few images at a time."""
        for net in self.step.nets:
            for some in chunks(len(batch.rows), batch.images[net].shape[1:]):
                images, labels = batch.images[net][some], batch.labels[some]
                away = torch.from_numpy(labels).to(images.device) if self.step.options.away_from == "label" else None
                self._note(net, "row", batch.rows[some])
                self._note(net, "label", labels)
                for attack in self.step.options.attacks:
                    found = self._attacked(attack, batch.nets[net], images, batch.scales[net], away)
                    self._add(net, attack, batch.rows[some], found)

    def _attacked(
        self, attack: Attack, net: nn.Module, images: Tensor, scale: Tensor, away: Tensor | None
    ) -> list[Adversarial]:
        """The samples at each epsilon; of DeepFool, which looks for the nearest, one."""
        options = self.step.options
        if attack == "deepfool":
            return [deepfool(net, images, scale)]
        if attack == "fgsm":
            return [fgsm(net, images, scale, epsilon, classes=away) for epsilon in options.epsilons(attack)]
        norm = NORMS[attack]
        return [
            pgd(net, images, scale, epsilon, norm=norm, steps=options.steps, classes=away)
            for epsilon in options.epsilons(attack)
        ]

    def _add(self, net: str, attack: Attack, rows: np.ndarray, found: list[Adversarial]) -> None:
        epsilons = np.array(self.step.options.epsilons(attack))
        success = np.stack([one.success.cpu().numpy() for one in found], axis=1)
        norms = np.stack([(one.linf if NORMS[attack] == "linf" else one.l2).cpu().numpy() for one in found], axis=1)
        nearest = np.where(success, norms, np.inf).min(1)
        turned = success if attack != "deepfool" else nearest[:, None] <= epsilons
        best = np.where(success.any(1), success.argmax(1), len(found) - 1)
        self._note(net, f"{attack}|success", turned.astype(np.uint8))
        self._note(net, f"{attack}|distance", nearest)
        if attack == self.step.options.attacks[0]:
            self._note(net, "before", found[0].before.cpu().numpy())
            self._note(net, "confidence", found[0].confidence_before.cpu().numpy())
        for number, row in enumerate(rows):
            if row < self.step.options.images:
                one = found[best[number]]
                place = f"{net}|{attack}|{row}"
                self.drawn[f"{place}|perturbation"] = one.perturbations[number].cpu().numpy()
                self.drawn[f"{place}|after"] = one.after[number].cpu().numpy()
                self.drawn[f"{place}|confidence"] = one.confidence_after[number].cpu().numpy()

    def _note(self, net: str, name: str, values: np.ndarray) -> None:
        self.numbers.setdefault(f"{net}|{name}", []).append(values)

    def arrays(self) -> Arrays:
        """Numbers of every image, samples of those that are drawn."""
        return {name: np.concatenate(parts) for name, parts in self.numbers.items()} | self.drawn
