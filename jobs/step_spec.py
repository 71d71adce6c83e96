"""One entry of `steps:` in a study: every step by its name, with its options."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from jobs.steps.attend.options import AttendOptions
from jobs.steps.backprop.options import BackpropOptions
from jobs.steps.classes.step import ClassesOptions
from jobs.steps.compare.options import CompareOptions
from jobs.steps.compress.options import CompressOptions
from jobs.steps.correlate.step import CorrelateOptions
from jobs.steps.decision_lines.step import DecisionLinesOptions
from jobs.steps.distributions.step import DistributionsOptions
from jobs.steps.dsd.options import DsdOptions
from jobs.steps.dynamics.step import DynamicsOptions
from jobs.steps.embed.options import EmbedOptions
from jobs.steps.evaluate import EvaluateOptions
from jobs.steps.feature_maps.step import FeatureMapsOptions
from jobs.steps.filters.options import FiltersOptions
from jobs.steps.freeze.options import FreezeOptions
from jobs.steps.glass.options import GlassOptions
from jobs.steps.karnaugh.options import KarnaughOptions
from jobs.steps.maximize.options import MaximizeOptions
from jobs.steps.occlude.options import OccludeOptions
from jobs.steps.perturb.options import PerturbOptions
from jobs.steps.project.options import ProjectOptions
from jobs.steps.regress.step import RegressOptions
from jobs.steps.top_images.options import TopImagesOptions


class StepSpec(BaseModel):
    """One step: its name and its options."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    attend: AttendOptions | None = Field(None, description="Where networks look, and whether the truth is there.")
    evaluate: EvaluateOptions | None = Field(None, description="Accuracy of each network on the images.")
    correlate: CorrelateOptions | None = Field(None, description="Correlate and match the channels of two networks.")
    compare: CompareOptions | None = Field(None, description="Similarity of the layers of two networks.")
    classes: ClassesOptions | None = Field(None, description="Similarity of every layer to every class.")
    dynamics: DynamicsOptions | None = Field(None, description="Layers through training against layers at the end.")
    regress: RegressOptions | None = Field(None, description="Predict the units of one network from another's.")
    distributions: DistributionsOptions | None = Field(None, description="How the values of every channel are spread.")
    backprop: BackpropOptions | None = Field(None, description="Pixels that speak for a class or a unit.")
    filters: FiltersOptions | None = Field(None, description="What filters look like, and which are Gabors.")
    feature_maps: FeatureMapsOptions | None = Field(None, description="The maps that layers make of some images.")
    decision_lines: DecisionLinesOptions | None = Field(None, description="How a net of one layer parts the plane.")
    maximize: MaximizeOptions | None = Field(None, description="Images that units would like best.")
    occlude: OccludeOptions | None = Field(None, description="What a network says as windows of an image are covered.")
    project: ProjectOptions | None = Field(None, description="Layers through fewer directions of their input.")
    compress: CompressOptions | None = Field(None, description="Smaller networks: prune, share weights, Huffman.")
    perturb: PerturbOptions | None = Field(None, description="Adversarial samples, and occluders that flip a class.")
    dsd: DsdOptions | None = Field(None, description="Dense, sparse, dense training beside dense training.")
    freeze: FreezeOptions | None = Field(None, description="Layers frozen bottom-up beside normal training.")
    glass: GlassOptions | None = Field(None, description="Many seeds: what repeats, what does not; cooling.")
    embed: EmbedOptions | None = Field(None, description="Images or units as points of the plane.")
    karnaugh: KarnaughOptions | None = Field(None, description="A class, unit or error as a function of a few units.")
    top_images: TopImagesOptions | None = Field(None, description="The images that excite every unit most.")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: {} if options is None else options for name, options in data.items()}
        return {data: {}} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core_schema), {"enum": list(cls.model_fields)}]}

    @model_validator(mode="after")
    def _one(self) -> "StepSpec":
        if len(self.model_fields_set) != 1:
            found = ", ".join(sorted(self.model_fields_set)) or "none"
            raise ValueError(
                f"expected one step with its options, found {found}; begin each step with a dash of its own"
            )
        return self

    @property
    def name(self) -> str:
        """The step's name."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The step's options."""
        return getattr(self, self.name)
