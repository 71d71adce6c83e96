"""Does attention point? A captioner of scenes of two digits looks at what it names, and where that is is known.

Trained by the step itself (Xu et al., 2015, arXiv:1502.03044), one task a seed. The map before each digit's name, of
the test scenes, against the digit's true box: the pointing game of Zhang et al., 2016, arXiv:1608.00507, and as its
control the boxes of all other scenes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from jobs.errors import UserError
from jobs.images.scenes import scenes
from jobs.nets.writing import CAPTIONER, scene_samples, trained_captioner
from jobs.steps.attend.options import ScenesAttention
from jobs.steps.attend.scenes_datasets import dataset
from jobs.steps.attend.training import of_seeds, told, training
from jobs.steps.step import Arrays, Results, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class AttendScenes(WithoutPass):
    """Bound to a plan."""

    options: ScenesAttention

    name: ClassVar[str] = "attend"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: ScenesAttention, _plan: "Plan") -> "AttendScenes":
        """UserError for a single test scene, whose map has no others to be shuffled with."""
        if options.data.test < 2:
            raise UserError("steps.attend.data.test: 1 scene has no others to compare with; give at least 2.")
        return cls(options)

    def identity(self) -> dict[str, Any]:
        """Every option."""
        return self.options.model_dump(mode="json")

    def tasks(self, _plan: "Plan") -> int:
        """One a seed."""
        return len(self.options.seeds)

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Train a captioner, or find it, and let it see the test scenes."""
        seed, width, hidden = self.options.seeds[number], self.options.width, self.options.hidden
        sets = scenes(self.options.data)
        spec = CAPTIONER.model_copy(update={"seed": seed, "epochs": self.options.epochs})
        size, data = {"width": width, "hidden": hidden}, scene_samples(sets, sets.train)
        with training(views.inputs.root, "captioner", spec, size, data) as (folder, keep):
            net, _ = trained_captioner(sets, folder, spec, width=width, hidden=hidden, device=plan.device, keep=keep)
        test = scene_samples(sets, sets.test)
        found = told(net, net.captioned, test, plan.device)
        maps = found.attention.reshape(*found.attention.shape[:2], *net.grid(test.images))
        return found._replace(attention=maps).arrays(seed)

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset of all trainings."""
        found = of_seeds(arrays, self.options.seeds)
        return {"scenes": dataset(found, scenes(self.options.data).test, self.options.seeds)}

    def present(self, _plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """The maps of some scenes word by word, pointing accuracy by digit, the table of trainings."""
        from jobs.steps.attend.scenes_plates import presentation

        return presentation(self.options, results["scenes"])
