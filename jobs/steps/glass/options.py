"""Options of `glass`: how many networks, what is done between two of them, and how one is cooled."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.nets.options import StepTrainSpec


class CoolingOptions(BaseModel):
    """The learning rate as a temperature that falls in steps of equal length."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hot: float = Field(0.1, gt=0, description="First learning rate.")
    cold: float = Field(1e-4, gt=0, description="Last learning rate.")
    temperatures: int = Field(12, ge=3, description="Steps from hot to cold, in equal ratios.")
    dwells: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (2, 4, 8), min_length=1, description="Epochs at each temperature: a rate of cooling each."
    )
    hold: int = Field(2, ge=0, description="Epochs at the first temperature before it falls.")
    memory: float = Field(
        0.99,
        gt=0,
        lt=1,
        description="Overlap of the weights with what they were below which a network has relaxed: a "
        "convention, which moves every T_g alike.",
    )
    seeds: int = Field(5, ge=1, description="Trainings at each rate of cooling.")
    train: StepTrainSpec = Field(
        StepTrainSpec(), description="Batch, momentum and images; rates and epochs are those of the cooling."
    )

    @model_validator(mode="after")
    def _falls(self) -> "CoolingOptions":
        if self.cold >= self.hot:
            raise ValueError(f"cold: {self.cold} is not below hot, {self.hot}; lower it")
        if len(set(self.dwells)) < len(self.dwells):
            raise ValueError(f"dwells: {list(self.dwells)} names one rate of cooling twice; leave it out")
        return self

    @property
    def held(self) -> int:
        """Epochs at the first temperature after which the fastest cooling ends with the slowest one."""
        return self.hold + self.temperatures * (max(self.dwells) - min(self.dwells))


class GlassOptions(BaseModel):
    """Networks of the study are trained anew from many seeds: give them no `train` of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks of the study (default: all).")
    seeds: int = Field(30, ge=2, description="Trainings of each network.")
    train: StepTrainSpec = Field(
        StepTrainSpec(), description="How each is trained; its seed is the first of the seeds."
    )
    pairs: int | None = Field(None, ge=1, description="Pairs that are looked at closely (default: half the seeds, so "
                              "that each network is in one).")  # fmt: skip
    points: int = Field(11, ge=3, description="Points of the straight line between two networks, with its ends.")
    images: int = Field(2_000, ge=1, description="Training images over which channels are matched, and test images "
                        "of the straight line; evenly over what there is.")  # fmt: skip
    align: bool = Field(True, description="Match channels; needs a sequential network.")
    cooling: CoolingOptions | None = Field(None, description="Cool networks at several rates: `cooling: {}`.")

    @model_validator(mode="after")
    def _pairs_there(self) -> "GlassOptions":
        most = self.seeds * (self.seeds - 1) // 2
        if self.pairs is not None and self.pairs > most:
            raise ValueError(f"pairs: {self.pairs} of {self.seeds} seeds cannot be; at most {most}, or raise seeds")
        return self

    def trained_seeds(self) -> list[int]:
        """The seeds: of the first weights and of the order of the images."""
        return list(range(self.train.seed, self.train.seed + self.seeds))

    @property
    def independent(self) -> bool:
        """Whether each network is in one pair at most, so that pairs are independent."""
        return (self.pairs or 0) <= self.seeds // 2

    def chosen_pairs(self) -> list[tuple[int, int]]:
        """Pairs of seeds: neighbors first, each in one pair, then those farther apart."""
        seeds = self.trained_seeds()
        count = len(seeds)
        apart = [(at, at + 1) for at in range(0, count - 1, 2)]
        others = [(at, at + step) for step in range(1, count) for at in range(count - step)]
        every = list(dict.fromkeys([*apart, *others]))[: self.pairs or count // 2]
        return [(seeds[a], seeds[b]) for a, b in every]
