"""The study file: which images, networks, layers and steps. One YAML file, checked before anything runs."""

import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources as packaged
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from analysis.positions import Policy
from cluster.resources import Resources
from jobs.errors import UserError, nearest
from jobs.images.sources import ImagesSpec
from jobs.messages import one_line
from jobs.nets.options import NetSpec
from jobs.steps.correlate import CorrelateOptions
from jobs.steps.evaluate import EvaluateOptions


class Options(BaseModel):
    """A part of a study: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sample(Options):
    """Positions drawn from each image."""

    sample: Annotated[int, Field(gt=0, description="Positions drawn from each image by (seed, image, height, width).")]


class Extract(Options):
    """What leaves the forward pass: stored activations and streamed statistics, chosen apart."""

    store: tuple[str, ...] = Field(
        (), description="Layers whose activations are written to the Zarr store; globs allowed."
    )
    statistics: tuple[str, ...] | None = Field(
        None,
        description="Layers whose statistics are accumulated during the forward pass (default: all of `layers`). "
        "The others are read again from the store.",
    )
    positions: Literal["all", "center", "mean"] | Sample = Field(
        "all", description="Which positions of a map count as samples; the store keeps whole maps."
    )
    dtype: Literal["float16", "float32"] = Field("float16", description="Number format of stored activations.")

    @property
    def policy(self) -> Policy:
        """The positions as `analysis.positions` takes them."""
        return self.positions.sample if isinstance(self.positions, Sample) else self.positions


class StepSpec(Options):
    """One step: its name and its options."""

    evaluate: EvaluateOptions | None = Field(None, description="Accuracy of each network on the images.")
    correlate: CorrelateOptions | None = Field(None, description="Correlate and match the channels of two networks.")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: {} if options is None else options for name, options in data.items()}
        return {data: {}} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one(self) -> "StepSpec":
        if len(self.model_fields_set) != 1:
            raise ValueError(f"a step is one name with its options, found {len(self.model_fields_set)}")
        return self

    @property
    def name(self) -> str:
        """The step's name."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The step's options."""
        return getattr(self, self.name)


class Study(Options):
    """A whole study."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run's folder.")]
    seed: int = Field(0, ge=0, description="Draws positions, derangements and bootstrap samples.")
    images: ImagesSpec
    nets: Annotated[dict[str, NetSpec], Field(min_length=1, description="The networks, by the names that steps use.")]
    layers: tuple[str, ...] | dict[str, tuple[str, ...]] = Field(
        description="Layers by module name, globs allowed; `name:1` takes an item of a tuple, `name@0` one of several "
        "calls. A mapping gives each network its own."
    )
    extract: Extract = Extract()
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1)]
    resources: Resources = Resources()
    runs: str = Field("runs", description="Where runs and trained networks are kept: a folder or s3://bucket/prefix.")

    @model_validator(mode="after")
    def _nets_are_named(self) -> "Study":
        for name in self.nets:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
                raise ValueError(f"nets: {name!r} is no name for a network; use letters, digits, '-', '_' and '.'")
        return self

    def layers_of(self, net: str) -> tuple[str, ...]:
        """The layer patterns of one network."""
        return self.layers.get(net, ()) if isinstance(self.layers, dict) else self.layers


def shipped() -> dict[str, Path]:
    """Study files that come with Vitrine, by name."""
    folder = Path(str(packaged.files("jobs"))) / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(study: str) -> Path:
    """The file of a study given by path or by the name of one that ships."""
    path, known = Path(study), shipped()
    if path.is_file():
        return path
    if study in known:
        return known[study]
    raise UserError(f"Study {study!r} is neither a file nor one that ships: {nearest(study, list(known))}")


def load(study: str, overrides: Sequence[str] = ()) -> Study:
    """Read, override and check a study; UserError with one line that names the key, the value and the fix."""
    path = find(study)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a mapping with name, images, nets, layers and steps; see `vitrine init`.")
    for override in overrides:
        _override(data, override)
    try:
        return Study.model_validate(_expanded(data, os.environ, str(path)))
    except ValidationError as error:
        raise UserError(f"{path}: {one_line(error, Study)}") from error


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error, not a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"key {', '.join(sorted(repeated))} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _override(data: dict[str, Any], text: str) -> None:
    """Apply one `key.path=value`; numbers in the path index lists."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UserError(f"--set {text!r}: write key=value, as in --set images.batch=64.")
    *parents, last = path.split(".")
    here: Any = data
    try:
        for key in parents:
            here = here[int(key)] if isinstance(here, list) else here.setdefault(key, {})
        here[int(last) if isinstance(here, list) else last] = yaml.safe_load(value)
    except (IndexError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"--set {text!r}: {path} leads to no key of the study ({error}).") from error


def _expanded(value: Any, variables: Mapping[str, str], where: str) -> Any:
    """Every `${NAME}` in the study's strings replaced from the environment."""
    if isinstance(value, dict):
        return {key: _expanded(item, variables, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, variables, where) for item in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise UserError(
                f"{where}: {value!r} needs the environment variable {match[1]}: export {match[1]}=... first."
            )
        return variables[match[1]]

    return re.sub(r"\$\{(\w+)\}", replaced, value)
