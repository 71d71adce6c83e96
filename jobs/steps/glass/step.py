"""Is training like the making of glass? Every network ends at the same energy and none at the same place.

Many seeds, and between two networks: the angle of their weights, the loss on the straight line, whether they say the
same; before and after their channels are brought into one order. Then networks are cooled at several rates.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.dynamics.channel_alignment import hidden_layers
from jobs.errors import UserError
from jobs.nets.options import TrainSpec
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.glass.cooling import Cooled, cooled
from jobs.steps.glass.datasets import cooling_dataset, pairs_dataset
from jobs.steps.glass.options import GlassOptions
from jobs.steps.glass.pairs import pair
from jobs.steps.population import Population
from jobs.steps.step import Arrays, Results, Step, WithoutPass

if TYPE_CHECKING:
    from jobs.inputs import Inputs
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class Glass(WithoutPass):
    """Bound to a plan."""

    options: GlassOptions
    nets: tuple[str, ...]
    population: Population
    """The step that trains the networks."""

    trained: Results = field(default_factory=dict, compare=False)
    """What that step found."""

    name: ClassVar[str] = "glass"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: GlassOptions, plan: "Plan") -> "Glass":
        """Resolve names against the plan; UserError where a network is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        seeds = tuple(options.trained_seeds())
        return cls(options, nets, Population(nets, options.train, seeds, cls.name))

    def prerequisites(self) -> tuple[Step, ...]:
        """The step that trains the networks."""
        return (self.population,)

    def informed(self, results: list[Results]) -> "Glass":
        """With what they say."""
        return Glass(self.options, self.nets, self.population, results[0])

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        return {"nets": self.nets, **self.options.model_dump(mode="json", exclude={"nets"})}

    def coolings(self) -> list[Cooled]:
        """Every cooling of one network: each rate, and the control, from each seed."""
        options = self.options.cooling
        if options is None:
            return []
        seeds = range(options.train.seed, options.train.seed + options.seeds)
        rates = [(dwell, options.hold) for dwell in options.dwells]
        control = [(min(options.dwells), options.held)] if len(options.dwells) > 1 else []
        return [Cooled(dwell, hold, seed) for seed in seeds for dwell, hold in (*rates, *control)]

    def parts(self) -> list[tuple[str, tuple[int, int] | Cooled]]:
        """Every task, in order: a network, and two of its seeds or a cooling."""
        every: list[tuple[int, int] | Cooled] = [*self.options.chosen_pairs(), *self.coolings()]
        return [(net, part) for net in self.nets for part in every]

    def tasks(self, _plan: "Plan") -> int:
        """One a pair and one a cooling."""
        return len(self.parts())

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Those that are cooled; the population has its own."""
        cooling = self.options.cooling
        return [(net, cooling.train, "steps.glass.cooling.train") for net in self.nets] if cooling else []

    def require(self, inputs: "Inputs", plan: "Plan") -> None:
        """UserError for a network whose channels may not change places, where they are to."""
        for net in self.nets if self.options.align else ():
            try:
                hidden_layers(inputs.blank(net, plan.nets[net]))
            except ValueError as error:
                raise UserError(f"steps.glass.align: {net}: {error}, or write align: false.") from error

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Look at two networks, or cool one."""
        net, part = self.parts()[number]
        if isinstance(part, Cooled) and self.options.cooling is not None:
            found = cooled(part, self.options.cooling, self.options.images, net, plan, views)
            return {f"{net}|{part.name}|{name}": values for name, values in found.items()}
        a, b = part[0], part[1]
        found = pair(self.population.subject(net, plan, views), a, b, self.options, views)
        return {f"{net}|{a}-{b}|{name}": values for name, values in found.items()}

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """Two datasets a network: its pairs, and where it is cooled its coolings."""
        found = {f"{net}--pairs": pairs_dataset(self, net, arrays) for net in self.nets}
        if self.options.cooling is not None:
            found |= {f"{net}--cooling": cooling_dataset(self, net, arrays) for net in self.nets}
        return found

    def present(self, plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """One figure that says it, the cooling, and their tables."""
        from jobs.steps.glass.plates import presentation

        return presentation(self, plan, results)
