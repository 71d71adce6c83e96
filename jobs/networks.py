"""The networks of a study: what each one is before anything is trained, and the training of those that need it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from analysis.attribution.attention import recorded_attention
from jobs.errors import UserError, within
from jobs.folders import Place, local_folder
from jobs.images.augment import build_augment
from jobs.images.manifest import Manifest
from jobs.images.preprocess import preprocess_digest
from jobs.images.source import Entry, Source
from jobs.images.sources import ImagesSpec, open_source
from jobs.inputs import Inputs
from jobs.messages import one_line
from jobs.nets.build import output_classes
from jobs.nets.from_code import code_digest
from jobs.nets.options import TrainSpec
from jobs.nets.record import FINAL, checkpoint, recipe, recipe_key
from jobs.nets.samples import Samples, decode
from jobs.nets.training import trained
from jobs.nets.weights import state_digest, weights_digest
from jobs.plan import CHECKPOINT, NetPlan, digest


@dataclass(frozen=True)
class TrainingSet:
    """Where a network's training and test images come from."""

    source: Source
    train: tuple[Entry, ...]
    test_source: Source | None
    test: tuple[Entry, ...]


def weight_shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    """Of every convolution and fully connected layer, by module in the order of registration."""
    layers = {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    return {name: tuple(layer.weight.shape) for name, layer in layers.items()}


@torch.no_grad()
def attention_shapes(net: nn.Module, in_shape: tuple[int, int, int]) -> dict[str, tuple[int, int, int]]:
    """Heads, queries and keys of every attention module that sees an image as a whole, in the network's order."""
    try:
        with recorded_attention(net) as found:
            net(torch.zeros(1, *in_shape))
    except ValueError:  # no module of the kind
        return {}
    # Attention in windows has several rows an image.
    return {name: (w.shape[1], w.shape[2], w.shape[3]) for name, w in found.items() if len(w) == 1}


def describe(inputs: Inputs, name: str, manifest: Manifest) -> NetPlan:
    """A network as the plan fixes it; one that is trained has no `state` until it is."""
    spec = inputs.study.nets[name]
    in_shape = inputs.in_shape(name, manifest)
    with within(f"nets.{name}"):
        classes = output_classes(spec, len(manifest.classes)) or 1
        build_augment(spec.train.augment if spec.train else None, inputs.allow_code)  # a mistake in it shows now
    about: dict[str, Any] = {
        "arch": spec.arch,
        "function": digest([spec.arch, spec.options, code_digest(spec.arch, inputs.allow_code)]),
        "in_shape": in_shape,
        "classes": classes,
        "preprocess": preprocess_digest(inputs.preprocesses[name], inputs.source.mode),
        "trained": spec.train is not None,
    }
    draft = NetPlan(identity="", weights=None, state="", parameters=0, **about)
    net = inputs.blank(name, draft)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    about["weighted"] = weight_shapes(net)
    if any(step.name == "attend" for step in inputs.study.steps):
        about["attention"] = attention_shapes(net, in_shape)
    if spec.train is not None:
        data = data_key(inputs, name, training_set(inputs, name))
        key = recipe_key(recipe(spec, in_shape, classes, data, inputs.allow_code))
        weights = f"{training_folder(spec.arch, key)}/{FINAL}"
        return NetPlan(identity=key, weights=weights, state="", parameters=parameters, **about)
    if spec.weights is not None:
        loaded = inputs.net(name, draft.model_copy(update={"weights": str(spec.weights)}))
        return NetPlan(
            identity=weights_digest(spec.weights), weights=str(spec.weights.absolute()), state=state_digest(loaded),
            parameters=parameters, **about,
        )  # fmt: skip
    state = state_digest(net)
    return NetPlan(identity=state, weights=None, state=state, parameters=parameters, **about)


def checkpoints(inputs: Inputs, name: str, final: NetPlan) -> dict[str, NetPlan]:
    """The checkpoints of a network as networks of their own, by name: `a@3` is `a` after three epochs."""
    spec, found = inputs.study.nets[name], {}
    for number in spec.checkpoint_numbers():
        if spec.train is not None:
            assert final.weights is not None
            weights = checkpoint(Path(final.weights).parent, number).as_posix()
            about = {"identity": digest([final.identity, number]), "weights": weights}
        else:
            path = spec.checkpoints[number]
            drafted = final.model_copy(update={"weights": str(path), "state": ""})
            state = state_digest(inputs.net(f"{name}{CHECKPOINT}{number}", drafted))
            about = {"identity": weights_digest(path), "weights": str(path.absolute()), "state": state}
        found[f"{name}{CHECKPOINT}{number}"] = final.model_copy(update=about)
    return found


def training_folder(arch: str, key: str) -> str:
    """Where a training of this recipe lies below the runs' root."""
    return f"nets/{arch.replace(':', '-')}-{key[:8]}"


def training_set(inputs: Inputs, name: str, train: TrainSpec | None = None, option: str | None = None) -> TrainingSet:
    """The train and test split of the study's images, or of the source that `train.images` gives.

    train: another training than the network's own, at `option` in the study; where it names no images, the
    network's own training does.
    """
    own, option = inputs.study.net_of(name).train, option or f"nets.{name}.train"
    if train is None or (train.images is None and own is not None and own.images):
        train, option = own, f"nets.{name}.train"
    images, where = train.images if train else None, option
    option = f"{option}.images"
    spec = _parsed(images, option) if images else inputs.study.images
    if "split" not in type(spec).model_fields:
        if images is None:
            raise UserError(f"{where}: images.source {spec.source} has no train split; name the images in {option}.")
        source = open_source(spec, option)
        return TrainingSet(source, _entries(source), None, ())
    first, second = (
        open_source(spec.model_copy(update={"split": split}), option if images else "images")
        for split in ("train", "test")
    )
    return TrainingSet(first, _entries(first), second, _entries(second))


def data_key(inputs: Inputs, name: str, data: TrainingSet) -> str:
    """Identity of the training images and of what is done to them; test images change no weight."""
    entries = [[entry.id, entry.label, entry.digest] for entry in data.train]
    return digest([entries, preprocess_digest(inputs.preprocesses[name], data.source.mode)])


def train_net(inputs: Inputs, name: str, plan: NetPlan, device: str) -> dict[str, Any]:
    """Train one network into its folder below the runs' root, or find it there; runs in a process of its own."""
    assert plan.weights is not None
    with local_folder(inputs.root, plan.weights.rpartition("/")[0]) as place:
        return _train(inputs, name, plan, place, device)


def _train(inputs: Inputs, name: str, plan: NetPlan, place: Place, device: str) -> dict[str, Any]:
    spec, data = inputs.study.nets[name], training_set(inputs, name)
    assert spec.train is not None
    with within(f"nets.{name}"):
        train, test = decoded(inputs, name, data)
        record = trained(
            spec, train, place.folder, classes=plan.classes, test=test, data_key=data_key(inputs, name, data),
            device=device, allow_code=inputs.allow_code, keep=place.keep,
        )  # fmt: skip
    return {"name": name, "test_accuracy": record.test_accuracy, "seconds": record.seconds}


def decoded(inputs: Inputs, name: str, data: TrainingSet) -> tuple[Samples, Samples | None]:
    """Training and test images as a network sees them; no test images where there are none."""
    how: Callable[..., Any] = inputs.preprocesses[name]
    limit, memory = inputs.study.images.max_bad, inputs.study.resources.memory_bytes
    train = decode(data.source, data.train, how, max_bad=limit, memory_bytes=memory)
    test = decode(data.test_source, data.test, how, max_bad=limit) if data.test_source and data.test else None
    return train, test


def _entries(source: Source) -> tuple[Entry, ...]:
    return tuple(sorted(source.index(), key=lambda entry: entry.id))


def _parsed(images: dict[str, Any], option: str) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(ImagesSpec)
    try:
        return adapter.validate_python(images)
    except ValidationError as error:
        raise UserError(one_line(error, ImagesSpec, images, option)) from error
