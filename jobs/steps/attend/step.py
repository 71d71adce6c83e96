"""Where does a network look? Attention of the study's networks, or of a translator or captioner of known truth."""

from typing import TYPE_CHECKING, Any, ClassVar

from jobs.steps.attend.dates import AttendDates
from jobs.steps.attend.networks import AttendNetworks
from jobs.steps.attend.scenes import AttendScenes
from jobs.steps.step import Step

if TYPE_CHECKING:
    from jobs.plan import Plan

KINDS: dict[str, Any] = {"networks": AttendNetworks, "dates": AttendDates, "scenes": AttendScenes}


class Attend:
    """One name for three steps."""

    name: ClassVar[str] = "attend"

    @classmethod
    def bind(cls, options: Any, plan: "Plan") -> Step:
        """The step that `of` names, bound to a plan. Raises what its own `bind` raises."""
        step: Step = KINDS[options.of].bind(options, plan)
        return step
