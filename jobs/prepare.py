"""From a study to its plan: images in order, networks trained, layers measured, pivots probed."""

import json
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.activations import complete, expand, recorded
from cluster.blobs import Blobs, open_blobs
from cluster.events import Listener
from cluster.folder import Folder
from cluster.resources import Resources, device_type
from cluster.stop import Stop
from cluster.tasks import run_tasks
from cluster.units import Unit
from jobs.batches import Forward
from jobs.errors import UserError, nearest
from jobs.extract import IMAGES
from jobs.images.manifest import Manifest, build_manifest
from jobs.images.sets import SetsOptions
from jobs.inputs import Inputs, local_file
from jobs.nets.record import RECORD, checkpoint
from jobs.nets.weights import state_digest, weights_digest
from jobs.networks import checkpoints, describe, train_net
from jobs.plan import CHECKPOINT, GROUPS, PLAN, NetPlan, Plan, digest, versions
from jobs.steps.step import Needs
from jobs.study import Study

FAR_MEAN = 5.0
"""A unit whose |mean| exceeds this many standard deviations gets a pivot; others keep 0."""

PIVOT_BITS = 6
"""Significant bits of a pivot: few, so that subtracting it from a float16 or float32 value is nearly exact."""


def request_key(study: Study) -> str:
    """sha256 of the part of the study that its plan comes from: finds the plan without opening an image."""
    kept = study.model_dump(mode="json", exclude={"steps", "runs", "resources", "layers"})
    kept["extract"] = {name: kept["extract"][name] for name in ("positions", "dtype")}
    return digest([kept, study.resources.threads, study.resources.device])


def known_folder(study: Study, root: Blobs) -> str | None:
    """The folder of an earlier run of the same study, below the runs' root."""
    try:
        return root.read(_request_name(study)).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_writable(root: Blobs) -> None:
    """UserError where the folder of all runs cannot be made; made here, where the study is known to be sound."""
    if isinstance(root, Folder):
        try:
            root.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"runs: {root.url} cannot be made ({error.strerror}); name another folder.") from error
        if not os.access(root.path, os.W_OK):
            raise UserError(f"runs: {root.url} may not be written (permission denied); name another folder.")


def draft(inputs: Inputs) -> tuple[Plan, Manifest]:
    """The plan before training: no pivots, and trained networks without their state."""
    study = inputs.study
    manifest = build_manifest(inputs.source, study.images.seed, study.images.limit)
    nets: dict[str, NetPlan] = {}
    for name in study.nets:
        nets[name] = describe(inputs, name, manifest)
        nets |= checkpoints(inputs, name, nets[name])
    unit = study.images.unit
    plan = Plan(
        name=study.name, request=request_key(study), seed=study.seed, images=manifest.key, rows=len(manifest),
        classes=manifest.classes, class_counts=manifest.class_counts(), sets=_sets(study), unit=unit,
        batch=min(study.images.batch, unit), groups=GROUPS, threads=study.resources.threads,
        device=_device(study, inputs.root), dtype=study.extract.dtype,
        positions=study.extract.policy, nets=nets, shapes={}, versions=versions(),
    )  # fmt: skip
    return measured(inputs, plan), manifest


def _sets(study: Study) -> tuple[str, ...]:
    return tuple(study.images.sets) if isinstance(study.images, SetsOptions) else ()


def measured(inputs: Inputs, plan: Plan) -> Plan:
    """The plan with the layers that the study names, and no others."""
    shapes = {key: shape for name in plan.nets for key, shape in _shapes(inputs, plan, name).items()}
    return plan.model_copy(update={"shapes": shapes})


def selected(plan: Plan, patterns: Sequence[str], option: str) -> tuple[str, ...]:
    """The studied `net/layer` that patterns of layer names choose; UserError where a pattern chooses none.

    Checkpoints are not stored, whatever the pattern: their statistics are accumulated as they run.
    """
    layers = {key: key.partition("/")[2] for key in plan.shapes if not plan.is_checkpoint(key)}
    for pattern in patterns:
        if not any(fnmatchcase(layer, pattern) for layer in layers.values()):
            known = sorted(set(layers.values()))
            raise UserError(f"{option}: {pattern!r} is none of the studied layers; {nearest(pattern, known)}")
    return tuple(key for key, layer in layers.items() if any(fnmatchcase(layer, pattern) for pattern in patterns))


def untrained(inputs: Inputs, plan: Plan) -> list[str]:
    """Networks whose training has not finished in any run."""
    trained = [name for name in plan.studied() if plan.nets[name].trained]
    return [name for name in trained if not _is_trained(inputs, name, plan.nets[name])]


def train_all(inputs: Inputs, plan: Plan, names: Sequence[str], *, on_event: Listener, stop: Stop) -> None:
    """Train networks, each in a task of its own, then one by one those that several workers share.

    Raises Drained where a signal came first.
    """
    resources = _resources(inputs.study, plan)
    shared = [name for name in names if _workers(inputs.study, name) > 1]
    for some, where in (
        ([name for name in names if name not in shared], resources),
        (shared, resources.model_copy(update={"executor": "serial"})),  # Ray Train has the workers; this only waits
    ):
        calls = [(train_net, (inputs, name, plan.nets[name], plan.device)) for name in some]
        run_tasks(calls, where, on_event=on_event, stop=stop)


def _workers(study: Study, name: str) -> int:
    train = study.nets[name].train
    return train.workers if train else 1


def with_states(inputs: Inputs, plan: Plan) -> Plan:
    """The plan with the sha256 of every trained network's parameters, which workers check."""
    nets = dict(plan.nets)
    for name, net in plan.nets.items():
        if net.trained:
            if CHECKPOINT not in name:
                _require_unchanged(inputs, name, net)
            nets[name] = net.model_copy(update={"state": state_digest(inputs.net(name, net))})
    return plan.model_copy(update={"nets": nets})


def _require_unchanged(inputs: Inputs, name: str, net: NetPlan) -> None:
    """UserError where trained weights are not those that their record describes."""
    assert net.weights is not None
    folder = net.weights.rpartition("/")[0]
    expected = json.loads(inputs.root.read(f"{folder}/{RECORD}"))["weights_sha256"]
    with local_file(inputs.root, net.weights) as path:
        found = weights_digest(path)
    if found != expected:
        raise UserError(
            f"nets.{name}: {inputs.root.url}/{net.weights} has sha256 {found[:8]}, its record {expected[:8]}; "
            "it was changed after training: delete its folder to train again."
        )


def settled(inputs: Inputs, plan: Plan, manifest: Manifest) -> tuple[Plan, Blobs]:
    """The plan with its pivots, written into the run's folder; an earlier one of the same key is read back instead."""
    run = open_blobs(f"{inputs.root.url}/{plan.folder}")
    inputs.root.write(_request_name(inputs.study), plan.folder.encode())
    images = manifest.save()
    if not run.exists(IMAGES) or run.read(IMAGES) != images:  # the same images may lie elsewhere by now
        run.write(IMAGES, images)
    if run.exists(PLAN):
        return _resumed(Plan.load(run), plan, inputs, manifest, run), run
    plan = plan.model_copy(update={"pivots": _pivots(inputs, plan, manifest)})
    plan.save(run)
    return plan, run


def _resumed(saved: Plan, now: Plan, inputs: Inputs, manifest: Manifest, run: Blobs) -> Plan:
    """The saved plan with the networks where they lie now, grown by layers that the study did not name before."""
    changed = [name for name, net in now.nets.items() if saved.nets[name].state != net.state]
    if changed:
        raise UserError(
            f"nets.{changed[0]}: its weights are not those that {run.url} was made with; "
            "restore them, or rename the study for a new run."
        )
    grown = saved.model_copy(update={"nets": now.nets, "shapes": {**saved.shapes, **now.shapes}})
    added = {key: shape for key, shape in now.shapes.items() if key not in saved.shapes}
    if added:
        pivots = _pivots(inputs, grown.model_copy(update={"shapes": added}), manifest)
        grown = grown.model_copy(update={"pivots": {**saved.pivots, **pivots}})
    if grown != saved:
        grown.save(run)
    return grown.model_copy(update={"shapes": now.shapes})


def _request_name(study: Study) -> str:
    return f"requests/{study.name}-{request_key(study)[:16]}"


def _device(study: Study, root: Blobs) -> Any:
    """The device of an earlier run of this study, so that a resume elsewhere goes on with it; else this machine's."""
    folder = known_folder(study, root)
    if folder is not None:
        try:
            return Plan.load(open_blobs(f"{root.url}/{folder}")).device
        except FileNotFoundError:
            pass
    return device_type(study.resources)


def _resources(study: Study, plan: Plan) -> Resources:
    return study.resources.model_copy(update={"device": plan.device})


def _is_trained(inputs: Inputs, name: str, net: NetPlan) -> bool:
    """Whether the training has finished and left every checkpoint that the study asks for."""
    declared = inputs.study.nets[name].train
    assert net.weights is not None
    assert declared is not None
    folder = Path(net.weights).parent
    left = [folder / RECORD, *(checkpoint(folder, epoch) for epoch in declared.checkpoint_epochs())]
    return all(inputs.root.exists(path.as_posix()) for path in left)


@torch.inference_mode()
def _shapes(inputs: Inputs, plan: Plan, name: str) -> dict[str, tuple[int, int, int]]:
    """Shape of every studied layer of one network, from one black image."""
    net = inputs.blank(name, plan.nets[name])
    try:
        layers = expand(net, inputs.study.layers_of(name))
    except (KeyError, ValueError) as error:
        raise UserError(f"layers: in network {name}, {error.args[0]}") from error
    if not layers:
        raise UserError(f"layers: none is named of network {name}; name at least one, as conv1, or '*' for all.")
    try:
        with recorded(net, dict.fromkeys(layers, lambda maps: maps.shape[1:])) as outputs:
            net(torch.zeros(1, *plan.nets[name].in_shape))
            found = complete(outputs, dict.fromkeys(layers))
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"layers: in network {name}: {error}") from error
    return {f"{name}/{layer}": (shape[0], shape[1], shape[2]) for layer, shape in found.items()}


def _pivots(inputs: Inputs, plan: Plan, manifest: Manifest) -> dict[str, list[float]]:
    """Pivots of layers whose units lie far from zero, from the first batch."""
    # The driver of a cluster may lack its workers' GPUs; what is written to plan.json holds for all of them.
    device = plan.device if torch.cuda.is_available() else "cpu"
    plan = plan.model_copy(update={"device": device})
    forward = Forward(inputs, plan, manifest, Needs(samples=frozenset(plan.shapes)), frozenset())
    batch = next(iter(forward.batches(Unit(0, 0, min(plan.batch, plan.rows))))).batch
    pivots = {}
    for key in plan.shapes:
        values = batch.samples[key].cpu().numpy().reshape(-1, plan.units_of(key)).astype(np.float64)
        if len(values) == 0:
            continue
        mean, deviation = values.mean(0), values.std(0)
        pivot = np.where(np.abs(mean) > FAR_MEAN * deviation, _rounded(mean), 0.0)
        if pivot.any():
            pivots[key] = pivot.tolist()
    return pivots


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values to PIVOT_BITS significant bits."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(fraction * 2**PIVOT_BITS) / 2**PIVOT_BITS, exponent)
