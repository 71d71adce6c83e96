"""Steps by the name that study files use."""

from typing import TYPE_CHECKING, Any

from jobs.steps.attend.step import Attend
from jobs.steps.backprop.step import Backprop
from jobs.steps.classes.step import Classes
from jobs.steps.compare.step import Compare
from jobs.steps.compress.step import Compress
from jobs.steps.correlate.step import Correlate
from jobs.steps.decision_lines.step import DecisionLines
from jobs.steps.distributions.step import Distributions
from jobs.steps.dsd.step import Dsd
from jobs.steps.dynamics.step import Dynamics
from jobs.steps.embed.step import Embed
from jobs.steps.evaluate import Evaluate
from jobs.steps.feature_maps.step import FeatureMaps
from jobs.steps.filters.step import Filters
from jobs.steps.freeze.step import Freeze
from jobs.steps.glass.step import Glass
from jobs.steps.karnaugh.step import Karnaugh
from jobs.steps.maximize.step import Maximize
from jobs.steps.occlude.step import Occluding
from jobs.steps.perturb.step import Perturb
from jobs.steps.project.step import Project
from jobs.steps.regress.step import Regress
from jobs.steps.step import Step, TakesResults
from jobs.steps.top_images.step import StrongestImages

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.study import Study

KINDS = (
    Evaluate, Correlate, Compare, Regress, Dynamics, Classes, Distributions, StrongestImages, Backprop, Filters,
    FeatureMaps, DecisionLines, Perturb, Maximize, Occluding, Attend, Compress, Project,
    Dsd, Freeze, Glass, Karnaugh, Embed,
)  # fmt: skip
STEPS: dict[str, Any] = {step.name: step for step in KINDS}


def bind(study: "Study", plan: "Plan") -> list[Step]:
    """The study's steps, bound to its plan, each after those whose results it takes; accuracies of networks always."""
    asked = [(spec.name, spec.options) for spec in study.steps]
    steps: list[Step] = [STEPS[name].bind(options, plan) for name, options in asked]
    if plan.nets and not any(step.name == Evaluate.name for step in steps):
        steps.insert(0, Evaluate(tuple(plan.studied())))
    return [one for step in steps for one in (*prerequisites(step), step)]


def prerequisites(step: Step) -> tuple[Step, ...]:
    """The steps whose results it takes."""
    return step.prerequisites() if isinstance(step, TakesResults) else ()
