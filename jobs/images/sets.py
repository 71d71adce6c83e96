"""Several sets of images in one study, by name: a comparison can then say how it depends on the set.

Every id begins with the name of its set. Labels are shared where all sets have the same classes; else a class is named
`set: class`, and no two sets share one.
"""

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Literal

from PIL import Image
from pydantic import Field, model_validator

from jobs.errors import UserError
from jobs.images.options import ImagesOptions
from jobs.images.single import SingleSpec, open_single
from jobs.images.source import UNLABELED, Entry, Mode

OF_THE_WHOLE = ("seed", "max_bad", "unit", "batch", "preprocess", "mode")
"""Options that belong to all sets together."""

SetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class SetsOptions(ImagesOptions):
    """Sets by name, each with a source and a limit of its own."""

    source: Literal["sets"] = "sets"
    """Name of this source."""
    sets: dict[SetName, SingleSpec] = Field(min_length=2)
    """The sets, each as `images:` of a study; options of order and size of batches stand beside them, once."""

    @model_validator(mode="after")
    def _once(self) -> "SetsOptions":
        for name, spec in self.sets.items():
            given = [option for option in OF_THE_WHOLE if option in spec.model_fields_set]
            if given:
                raise ValueError(f"sets.{name}: {given[0]} holds for all sets together; write it beside `sets`")
        return self


class Sets:
    """A source over sources. Pictures come in color unless every set is gray; points stand with points alone."""

    def __init__(self, options: SetsOptions, key: str = "images") -> None:
        plain = {name: open_single(spec, f"{key}.sets.{name}") for name, spec in options.sets.items()}
        modes = {source.mode for source in plain.values()}
        every: Mode = modes.pop() if len(modes) == 1 else "RGB"
        self.mode: Mode = options.mode or every
        whole = {"mode": self.mode, "seed": options.seed}
        specs = {name: spec.model_copy(update=whole) for name, spec in options.sets.items()}
        self.sources = {name: open_single(spec, f"{key}.sets.{name}") for name, spec in specs.items()}
        self._require_one_mode(key)
        self.limits = {name: spec.limit for name, spec in options.sets.items()}
        self.seed = options.seed
        known = [source.classes for source in self.sources.values()]
        self.shared = all(classes == known[0] for classes in known)
        self.classes: tuple[str, ...] = known[0]
        if not self.shared:
            self.classes = tuple(f"{name}: {c}" for name, source in self.sources.items() for c in source.classes)

    def index(self) -> list[Entry]:
        """The entries of all sets, of each the first of its own shuffle where it has a limit."""
        found: list[Entry] = []
        first = 0
        for name, source in self.sources.items():
            for entry in self._limited(name, source.index()):
                label = entry.label if entry.label == UNLABELED else entry.label + first
                found.append(
                    replace(entry, id=f"{name}/{entry.id}", label=label, place=json.dumps([name, entry.place]))
                )
            first += 0 if self.shared else len(source.classes)
        return found

    def load(self, entry: Entry) -> Image.Image:
        """The picture of one entry, by its set."""
        name, place = json.loads(str(entry.place))
        return self.sources[name].load(replace(entry, id=entry.id.removeprefix(f"{name}/"), place=place))

    def _require_one_mode(self, key: str) -> None:
        other = [name for name, source in self.sources.items() if source.mode != self.mode]
        if other:
            raise UserError(
                f"{key}.sets.{other[0]}: its images are points, the study's are pictures ({self.mode}); expected one "
                f"kind. Leave {key}.mode out and give points alone, or pictures alone."
            )

    def _limited(self, name: str, entries: list[Entry]) -> list[Entry]:
        limit = self.limits[name]
        if limit is None:
            return entries
        return sorted(
            entries, key=lambda e: hashlib.sha256(f"{self.seed}/{e.id}".encode("utf-8", "surrogateescape")).digest()
        )[:limit]


def set_of(id: str) -> str:
    """The set that an image of this source belongs to."""
    return id.partition("/")[0]
