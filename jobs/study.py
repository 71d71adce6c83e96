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
from jobs.images.digits import DigitsOptions
from jobs.images.sources import ImagesSpec
from jobs.messages import one_line
from jobs.nets.options import NetSpec
from jobs.plan import CHECKPOINT
from jobs.step_spec import StepSpec

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A name that is also a part of paths."""


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


class Study(Options):
    """A whole study; one whose steps train all that they look at leaves images, nets and layers out."""

    name: Name = Field(description="Names the run's folder.")
    seed: int = Field(0, ge=0, description="Draws positions and bootstrap samples.")
    images: ImagesSpec = DigitsOptions()
    nets: Annotated[
        dict[Name, NetSpec], Field(min_length=1, description="The networks, by the names that steps use.")
    ] = {}
    layers: tuple[str, ...] | dict[str, tuple[str, ...]] = Field(
        (),
        description="Layers by module name, globs allowed; `name:1` takes an item of a tuple, `name@0` one of several "
        "calls. A mapping gives each network its own.",
    )
    extract: Extract = Extract()
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1)]
    resources: Resources = Resources()
    runs: str = Field("runs", description="Where runs and trained networks are kept: a folder or s3://bucket/prefix.")

    @model_validator(mode="after")
    def _whole(self) -> "Study":
        missing = [key for key in ("images", "nets", "layers") if key not in self.model_fields_set]
        if missing and any(getattr(step.options, "studies_nets", True) for step in self.steps):
            raise ValueError(f"{missing[0]}: missing; add it, as `vitrine init` shows")
        for name in self.layers if isinstance(self.layers, dict) else ():
            if name not in self.nets:
                raise ValueError(f"layers: there is no network {name!r}; {nearest(name, list(self.nets))}")
        return self

    def layers_of(self, net: str) -> tuple[str, ...]:
        """The layer patterns of one network, or of a checkpoint of it."""
        return self.layers.get(_trained_as(net), ()) if isinstance(self.layers, dict) else self.layers

    def net_of(self, net: str) -> NetSpec:
        """What the study says of a network, or of the network that a checkpoint is of."""
        return self.nets[_trained_as(net)]

    def nets_and_checkpoints(self) -> list[str]:
        """Every network by name, each followed by its checkpoints as `a@3`."""
        return [
            name
            for net, spec in self.nets.items()
            for name in (net, *(f"{net}{CHECKPOINT}{number}" for number in spec.checkpoint_numbers()))
        ]


def _trained_as(net: str) -> str:
    return net.partition(CHECKPOINT)[0]


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
    data = _read(path)
    for override in overrides:
        _override(data, override)
    data = _expanded(data, os.environ, str(path))
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {one_line(error, Study, data)}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8; expected a study in YAML, see `vitrine init`.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: no valid YAML, {_yaml_fault(error)}; correct it there.") from error
    if not isinstance(data, dict):
        found = "nothing" if data is None else "a list" if isinstance(data, list) else repr(data)
        raise UserError(
            f"{path}: found {found}, expected a mapping with name, images, nets, layers and steps; see `vitrine init`."
        )
    return data


def _yaml_fault(error: yaml.YAMLError) -> str:
    """Where and what, without the parser's excerpts."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{problem or ' '.join(str(error).split())}"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error, not a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]  # <<: takes in another mapping
        keys = [self.construct_object(key, deep=True) for key in own]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                mark = own[number].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", mark)
        return super().construct_mapping(node, deep)


def _override(data: dict[str, Any], text: str) -> None:
    """Apply one `key.path=value`; numbers in the path index lists."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UserError(f"--set {text!r}: write key=value, as in --set images.batch=64.")
    try:
        wanted = yaml.load(value, Loader=_Loader)
    except yaml.YAMLError as error:
        raise UserError(f"--set {text!r}: no valid YAML, {_yaml_fault(error)}; quote it for the shell.") from error
    *parents, last = path.split(".")
    here: Any = data
    for number, key in enumerate(parents):
        here = _below(here, key, text, parents[:number])
    if isinstance(here, dict):
        here[last] = wanted
    else:
        _below(here, last, text, parents)
        here[int(last)] = wanted


def _below(here: Any, key: str, text: str, parents: list[str]) -> Any:
    """What lies at `key`; a mapping grows, a list is indexed from 0."""
    if isinstance(here, dict):
        if here.get(key) is None:
            here[key] = {}
        return here[key]
    where = ".".join(parents)
    if not isinstance(here, list):
        raise UserError(f"--set {text!r}: {where} is {here!r} and holds no keys; set {where} itself.")
    if not key.isdecimal() or int(key) >= len(here):
        raise UserError(f"--set {text!r}: {where} is a list; expected a number in 0..{len(here) - 1}, not {key!r}.")
    return here[int(key)]


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
