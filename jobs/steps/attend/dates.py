"""Does attention align? A translator of dates looks at the words it translates, and which those are is known.

Trained by the step itself (Bahdanau et al., 2014, arXiv:1409.0473), one task a seed. Each word of the test dates with
the word it looked at most, against the true links, by the alignment error rate (Och & Ney, 2003); as controls the
attention to another date, of any languages, and of the same two.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from jobs.errors import UserError
from jobs.nets.writing import TRANSLATOR, date_samples, trained_translator
from jobs.steps.attend.dates_datasets import dataset
from jobs.steps.attend.options import DatesAttention
from jobs.steps.attend.training import of_seeds, told, training
from jobs.steps.step import Arrays, Results, WithoutPass
from jobs.texts.date_pairs import date_pairs
from jobs.texts.dates import written

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class AttendDates(WithoutPass):
    """Bound to a plan."""

    options: DatesAttention
    draws: int = 0
    """Seed of the bootstrap."""

    name: ClassVar[str] = "attend"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: DatesAttention, plan: "Plan") -> "AttendDates":
        """UserError for a language that CLDR does not have."""
        for side in ("sources", "targets"):
            for language in getattr(options.data, side):
                try:
                    written(date(2000, 1, 1), language)
                except UserError as error:
                    raise UserError(f"steps.attend.data.{side}: {str(error).removeprefix('language: ')}") from error
        return cls(options, plan.seed)

    def identity(self) -> dict[str, Any]:
        """Every option."""
        return {"draws": self.draws, **self.options.model_dump(mode="json")}

    def tasks(self, _plan: "Plan") -> int:
        """One a seed."""
        return len(self.options.seeds)

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Train a translator, or find it, and let it read the test dates."""
        seed, hidden = self.options.seeds[number], self.options.hidden
        pairs = date_pairs(self.options.data)
        spec = TRANSLATOR.model_copy(update={"seed": seed, "epochs": self.options.epochs})
        data = date_samples(pairs, pairs.train)
        with training(views.inputs.root, "translator", spec, {"hidden": hidden}, data) as (folder, keep):
            net, _ = trained_translator(pairs, folder, spec, hidden=hidden, device=plan.device, keep=keep)
        return told(net, net.translated, date_samples(pairs, pairs.test), plan.device).arrays(seed)

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset of all trainings."""
        found = of_seeds(arrays, self.options.seeds)
        return {"dates": dataset(found, date_pairs(self.options.data).test, self.options.seeds, self.draws)}

    def present(self, _plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """Alignments of some dates, error rates by languages, the table of trainings."""
        from jobs.steps.attend.dates_plates import presentation

        return presentation(self.options, results["dates"])
