"""Options of `perturb`: which attacks, how strong, and what is drawn."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Attack = Literal["fgsm", "pgd_linf", "pgd_l2", "deepfool"]
Norm = Literal["linf", "l2"]
Epsilons = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]

NORMS: dict[Attack, Norm] = {"fgsm": "linf", "pgd_linf": "linf", "pgd_l2": "l2", "deepfool": "l2"}


class PerturbOptions(BaseModel):
    """Distances are in units of the pixel range: 1/255 is one level of an 8-bit picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    attacks: tuple[Attack, ...] = Field(("fgsm", "pgd_linf", "deepfool"), min_length=1, description="Ways to perturb.")
    away_from: Literal["predicted", "label"] = Field(
        "predicted", description="The class to get away from; with label, what is misclassified anyway is a success."
    )
    epsilons_linf: Epsilons = Field(
        (0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255),
        description="Largest change of a pixel, for fgsm and pgd_linf.",
    )
    epsilons_l2: Epsilons = Field((0.05, 0.1, 0.2, 0.5, 1.0, 2.0), description="Root of the sum of squared changes.")
    steps: int = Field(20, ge=1, description="Steps of pgd.")
    images: int = Field(4, ge=0, le=64, description="Images to draw: the first of the study.")
    window: int | None = Field(
        None, ge=1, description="Side in pixels of occluders; the fewest that flip the class of the drawn images."
    )

    @field_validator("epsilons_linf", "epsilons_l2")
    @classmethod
    def _ascending(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if list(values) != sorted(set(values)):
            raise ValueError(f"{list(values)}: give each once, the smallest first")
        return values

    def epsilons(self, attack: Attack) -> tuple[float, ...]:
        """Those of an attack's norm."""
        return self.epsilons_linf if NORMS[attack] == "linf" else self.epsilons_l2
