"""Points of the plane for nets whose input fits on a page: two moons, spirals, rings. They are drawn, not read.

A point is a picture of two pixels, x and y, in single floats: the net sees exactly the numbers that were drawn.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from analysis.units.planar_data import Planar, rings, spiral, two_moons
from jobs.images.options import ImagesOptions, Split
from jobs.images.rows import Part, Rows

Kind = Literal["two_moons", "spiral", "rings"]

DRAWN: dict[Kind, Callable[..., Planar]] = {"two_moons": two_moons, "spiral": spiral, "rings": rings}
OWN: dict[Kind, tuple[str, ...]] = {"two_moons": (), "spiral": ("arms", "turns"), "rings": ("count",)}


class PlanarOptions(ImagesOptions):
    """Points whose classes no line separates, within about [-1, 1] x [-1, 1]."""

    source: Literal["planar"] = "planar"
    """Name of this source."""
    kind: Kind = "two_moons"
    """Shape of the classes."""
    points: int = Field(default=300, ge=1)
    """Points of each split; the classes take turns."""
    noise: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    """Standard deviation of what is added to both coordinates."""
    seed: int = Field(default=0, ge=0)
    """Draws the points and shuffles them."""
    arms: int = Field(default=2, ge=1)
    """Arms of a spiral, one a class."""
    turns: float = Field(default=1.5, gt=0, allow_inf_nan=False)
    """How often an arm winds around the origin."""
    count: int = Field(default=2, ge=1)
    """Number of rings, one a class."""
    split: Split = "all"
    """Train and test points are drawn apart, as many of each; all is both."""

    @model_validator(mode="after")
    def _of_its_kind(self) -> "PlanarOptions":
        for kind, names in OWN.items():
            given = [name for name in names if name in self.model_fields_set]
            if given and kind != self.kind:
                raise ValueError(f"{given[0]}: {self.kind} has none; leave it out, or set kind: {kind}")
        if self.mode is not None:
            raise ValueError("mode: points are numbers, not colors; leave it out")
        return self


class PlanarPoints(Rows):
    """Pictures of 2 x 1 in mode F, ids `planar/test/00042`; classes are numbered."""

    def __init__(self, options: PlanarOptions) -> None:
        classes = {"two_moons": 2, "spiral": options.arms, "rings": options.count}[options.kind]
        super().__init__(partial(_drawn, options), tuple(str(label) for label in range(classes)), "F")


def _drawn(options: PlanarOptions) -> list[Part]:
    own = {name: getattr(options, name) for name in OWN[options.kind]}
    parts = []
    for number, split in enumerate(("train", "test")):
        if options.split in ("all", split):
            # Even and odd: no seed's test points are another seed's training points.
            seed = 2 * options.seed + number
            found = DRAWN[options.kind](options.points, noise=options.noise, seed=seed, **own)
            parts.append(Part(f"planar/{split}", found.points[:, None], found.labels.astype(np.int64)))
    return parts
