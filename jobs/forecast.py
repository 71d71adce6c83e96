"""What a study will take, before it runs: units, shards, bytes, memory a worker, and time from a short calibration."""

import time
from dataclasses import dataclass
from typing import Any

from cluster.blobs import open_blobs
from cluster.geometry import layer_geometry
from cluster.resources import worker_count
from cluster.units import Unit
from jobs.batches import Forward
from jobs.extract import Pass
from jobs.images.manifest import Manifest
from jobs.inputs import Inputs
from jobs.memory import gigabytes, projection, require_fit, with_fitting_groups
from jobs.passes import Layout, layout
from jobs.plan import GROUPS, Plan
from jobs.prepare import draft
from jobs.report.cells import duration
from jobs.retraining import require_trainable
from jobs.steps.registry import bind
from jobs.study import Study

CALIBRATED_BATCHES = 3


@dataclass(frozen=True)
class Forecast:
    """The figures, for machines and as lines to read."""

    facts: dict[str, Any]
    lines: list[tuple[str, str]]


def forecast(study: Study, allow_code: tuple[str, ...]) -> Forecast:
    """Plan a study without training or writing anything. Refuses, with the figures, what cannot fit."""
    inputs = Inputs(study, open_blobs(study.runs), allow_code)
    plan, manifest = draft(inputs)
    plan = with_fitting_groups(plan, bind(study, plan), study.resources.memory_bytes)
    found = layout(study, plan)
    passes = found.all_passes(inputs)
    require_trainable(inputs, found.plan, [work.step for work in found.works])
    projected = [projection(plan, [part.step for part in one.parts], one.store) for one in passes]
    heaviest = max(projected, key=lambda one: one.total, default=projection(plan, (), ()))
    require_fit(heaviest, study.resources.memory_bytes)
    workers = worker_count(study.resources)
    seconds = sum(_seconds_per_image(inputs, plan, manifest, one) for one in passes) * plan.rows / workers
    units = -(-plan.rows // plan.unit)
    facts = {
        "run": plan.folder, "images": plan.rows, "units": units, "unit": plan.unit, "batch": plan.batch,
        "groups": plan.groups, "passes": len(passes), "workers": workers, "threads": plan.threads,
        "device": plan.device, "trainings": sum(plan.nets[name].trained for name in plan.studied()),
        "tasks": sum(tasks.units for tasks in found.tasks(inputs, found.works)),
        **_stored(found), "result_bytes": _result_bytes(found), "memory_bytes": heaviest.total,
        "memory_parts": vars(heaviest), "seconds": round(seconds, 1),
    }  # fmt: skip
    return Forecast(facts, _lines(facts, study))


def _seconds_per_image(inputs: Inputs, plan: Plan, manifest: Manifest, one: Pass) -> float:
    """Time of one worker for an image, from a few batches after one that warms up; reading back costs about as much."""
    untrained = plan.model_copy(update={"nets": {name: _untrained(net) for name, net in plan.nets.items()}})
    forward = Forward(inputs, untrained, manifest, one.needs(), frozenset(one.store))
    reducers = [part.step.reducer(plan) for part in one.parts]
    stop = min(plan.rows, plan.batch * (1 + CALIBRATED_BATCHES))
    began, images = time.perf_counter(), 0
    for number, extracted in enumerate(forward.batches(Unit(0, 0, stop))):
        for reducer in reducers:
            reducer.update(extracted.batch)
        if number == 0 and stop > plan.batch:
            began = time.perf_counter()
        else:
            images += len(extracted.valid)
    return (time.perf_counter() - began) / max(images, 1)


def _untrained(net: Any) -> Any:
    """The network as its seed draws it: its weights do not change its time."""
    return net.model_copy(update={"weights": None, "state": ""}) if net.trained else net


def _stored(found: Layout) -> dict[str, Any]:
    plan = found.plan
    shapes = [layer_geometry(plan.shapes[layer], plan.dtype, plan.unit) for layer in found.stored]
    shards = sum(-(-plan.rows // geometry.shard_rows) for geometry in shapes)
    return {
        "stored_layers": len(shapes),
        "shards": shards,
        "stored_bytes": sum(g.row_bytes for g in shapes) * plan.rows,
    }


def _result_bytes(found: Layout) -> int:
    return sum(part.step.result_bytes(found.plan) for work in found.works for part in work.parts)


def _lines(facts: dict[str, Any], study: Study) -> list[tuple[str, str]]:
    groups = str(facts["groups"])
    if facts["groups"] < GROUPS:
        groups += f" (lowered from {GROUPS} so that a block's sums fit resources.memory)"
    parts = ", ".join(f"{name} {gigabytes(size)}" for name, size in facts["memory_parts"].items())
    stored = (
        f"{facts['stored_layers']} layers in {facts['shards']} shards, {gigabytes(facts['stored_bytes'])} uncompressed"
    )
    return [
        ("run", facts["run"]),
        ("images", f"{facts['images']:,} in {facts['units']} units of {facts['unit']}, batches of {facts['batch']}"),
        ("groups", groups),
        ("trainings", str(facts["trainings"])),
        ("passes", f"{facts['passes']} over the images"),
        *([("tasks", f"{facts['tasks']}, whose time is not in the forecast")] if facts["tasks"] else []),
        ("workers", f"{facts['workers']} with {facts['threads']} threads each, on {facts['device']}"),
        ("stored", stored if facts["stored_layers"] else "nothing; name layers in extract.store to keep activations"),
        ("results", f"{gigabytes(facts['result_bytes'])} of sums"),
        (
            "memory",
            f"{gigabytes(facts['memory_bytes'])} of {gigabytes(study.resources.memory_bytes)} a worker ({parts})",
        ),
        ("time", f"about {duration(facts['seconds'])} for the images, trainings not counted"),
    ]
