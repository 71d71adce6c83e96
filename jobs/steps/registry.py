"""Steps by the name that study files use."""

from typing import TYPE_CHECKING, Any

from jobs.steps.classes import Classes
from jobs.steps.compare import Compare
from jobs.steps.correlate import Correlate
from jobs.steps.distributions import Distributions
from jobs.steps.dynamics import Dynamics
from jobs.steps.evaluate import Evaluate
from jobs.steps.regress import Regress
from jobs.steps.step import Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.study import Study

STEPS: dict[str, Any] = {
    step.name: step for step in (Evaluate, Correlate, Compare, Regress, Dynamics, Classes, Distributions)
}


def bind(study: "Study", plan: "Plan") -> list[Step]:
    """The study's steps, bound to its plan; the accuracies of its networks are always among them."""
    asked = [(spec.name, spec.options) for spec in study.steps]
    steps: list[Step] = [STEPS[name].bind(options, plan) for name, options in asked]
    if not any(step.name == Evaluate.name for step in steps):
        steps.insert(0, Evaluate(tuple(plan.studied())))
    return steps
