"""`occlude` by name: a pass over the images, or tasks of some images and a band of windows."""

from typing import TYPE_CHECKING, ClassVar

from jobs.steps.occlude.options import OccludeOptions
from jobs.steps.occlude.whole_images import Occlude
from jobs.steps.occlude.windows import OccludeWindows
from jobs.steps.step import Step

if TYPE_CHECKING:
    from jobs.plan import Plan


class Occluding:
    """One name for two ways to share out the work."""

    name: ClassVar[str] = Occlude.name

    @classmethod
    def bind(cls, options: OccludeOptions, plan: "Plan") -> Step:
        """The way that `bands` asks for. Raises what their own `bind` raises."""
        sweep = Occlude.bind(options, plan)
        return sweep if options.bands == 1 else OccludeWindows.bind(sweep, plan)
