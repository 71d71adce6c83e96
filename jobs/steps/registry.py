"""Steps by the name that study files use."""

from typing import TYPE_CHECKING, Any

from jobs.steps.attend import Attend
from jobs.steps.backprop import Backprop
from jobs.steps.classes import Classes
from jobs.steps.compare import Compare
from jobs.steps.compress import Compress
from jobs.steps.correlate import Correlate
from jobs.steps.decision_lines import DecisionLines
from jobs.steps.distributions import Distributions
from jobs.steps.dsd import Dsd
from jobs.steps.dynamics import Dynamics
from jobs.steps.embed import Embed
from jobs.steps.evaluate import Evaluate
from jobs.steps.feature_maps import FeatureMaps
from jobs.steps.filters import Filters
from jobs.steps.freeze import Freeze
from jobs.steps.glass import Glass
from jobs.steps.karnaugh import Karnaugh
from jobs.steps.maximize import Maximize
from jobs.steps.occluding import Occluding
from jobs.steps.perturb import Perturb
from jobs.steps.project import Project
from jobs.steps.regress import Regress
from jobs.steps.step import Step, TakesResults
from jobs.steps.top_images import StrongestImages

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
