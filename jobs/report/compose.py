"""From a finished run to its report: every step presents itself, this puts it on one page with what was run."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from cluster.blobs import Blobs
from cluster.ledger import Ledger
from jobs.counted import counted
from jobs.figures.plate import plate_name, save
from jobs.inputs import Inputs
from jobs.nets.record import RECORD
from jobs.passes import Layout
from jobs.plan import Plan
from jobs.report.page import NetworkRow, PlateEntry, Report, Table, write_report
from jobs.report.sparkline import TrainingCurve
from jobs.results import read_results
from jobs.steps.step import HasTasks
from jobs.views import Views


def compose(inputs: Inputs, found: Layout, folder: Blobs, seconds: float | None) -> list[str]:
    """Draw all figures and write the page; the names of the figures."""
    plan, shown = found.plan, _presented(inputs, found, folder)
    bad, skipped = _left_out(found, folder)
    report = Report(
        title=plan.name,
        summary=_summary(inputs, plan, bad),
        networks=[_network(inputs, plan, name, shown.accuracy) for name in plan.studied()],
        images=_images(inputs, plan, bad) if plan.nets else [],
        versions=list(plan.versions.items()),
        seconds=_seconds(found, folder) if seconds is None else seconds,
        layer_tables=shown.tables,
        plates=shown.plates,
        links=_links(found),
        warnings=[*shown.warnings, *_left_out_warnings(plan, bad, skipped)],
    )
    write_report(report, folder)
    return [plate.name for plate in shown.plates]


@dataclass
class _Shown:
    """What all steps together hand to the page."""

    plates: list[PlateEntry] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    accuracy: Any = None


def _presented(inputs: Inputs, found: Layout, folder: Blobs) -> _Shown:
    """Every step's figures, saved, and its tables and warnings."""
    plan, shown = found.plan, _Shown()
    views = Views(inputs, plan, folder, found.store_ledger)
    for work in found.works:
        results = read_results(folder, work.name)
        if results is None:
            raise FileNotFoundError(f"{work.name} has no results yet; run the study first.")
        if "accuracy" in results:
            shown.accuracy = results["accuracy"]["accuracy"].to_pandas()
        step = work.informed(folder).step.present(plan, results, views)
        for section, plate in step.plates:
            if plate.name in {drawn.name for drawn in shown.plates}:  # another step of the same kind drew one
                plate = replace(plate, name=plate_name(plate.name, work.name.rpartition("-")[2]))
            save(plate, folder)
            shown.plates.append(
                PlateEntry(section, plate.name, plate.title, plate.how_to_read, animated=bool(plate.animation))
            )
        shown.tables += step.tables
        shown.warnings += step.warnings
    return shown


def _left_out_warnings(plan: Plan, bad: dict[str, str], skipped: dict[int, str]) -> list[str]:
    warnings = []
    if bad:
        warnings.append(f"{len(bad)} of {plan.rows} images could not be decoded and were left out: {_named(bad)}.")
    for unit, reason in sorted(skipped.items()):
        last = min((unit + 1) * plan.unit, plan.rows) - 1
        images = f"images {unit * plan.unit} to {last}"
        warnings.append(f"Unit {unit} ({images}) failed for good and is in no result: {reason}")
    return warnings


def _summary(inputs: Inputs, plan: Plan, bad: dict[str, str]) -> list[tuple[str, str]]:
    if not plan.nets:
        return [("Run", plan.folder)]
    return [
        ("Networks", ", ".join(f"{name} ({plan.nets[name].arch})" for name in plan.studied())),
        ("Images", f"{plan.rows - len(bad):,} of {inputs.study.images.source}"),
        ("Layers", str(len({key.partition("/")[2] for key in plan.shapes}))),
        ("Run", plan.folder),
    ]


def _network(inputs: Inputs, plan: Plan, name: str, accuracy: Any) -> NetworkRow:
    net = plan.nets[name]
    if net.trained:
        assert net.weights is not None
        folder = net.weights.rpartition("/")[0]
        record = json.loads(inputs.root.read(f"{folder}/{RECORD}"))
        curves = json.loads(inputs.root.read(f"{folder}/curves.json"))
        curve = TrainingCurve(curves["train_accuracy"], curves["test_accuracy"])
        train = inputs.study.nets[name].train
        assert train is not None
        origin = f"trained here: seed {train.seed}, {counted(train.epochs, 'epoch')} on {record['images']:,} images"
        return NetworkRow(name, net.arch, net.parameters, record["test_accuracy"], None, origin, curve)
    origin = f"{net.weights} ({net.identity[:8]})" if net.weights else "random, from the seed"
    row = accuracy.loc[name] if accuracy is not None else None
    top1, top5 = (None, None) if row is None or row.isna().any() else (float(row.loc[1]), float(row.loc[5]))
    return NetworkRow(name, net.arch, net.parameters, top1, top5, origin)


def _images(inputs: Inputs, plan: Plan, bad: dict[str, str]) -> list[tuple[str, str]]:
    shapes = {" x ".join(str(side) for side in net.in_shape) for net in plan.nets.values()}
    positions = {"all": "all", "center": "the center", "mean": "the mean over positions"}
    policy = positions.get(str(plan.positions), f"{plan.positions} drawn from each image")
    return [
        ("Source", inputs.study.images.source),
        ("Count", f"{plan.rows:,}" + (f", {len(bad)} of them unreadable" if bad else "")),
        ("Classes", str(len(plan.classes))),
        ("Input", ", ".join(sorted(shapes))),
        ("Positions", policy),
        ("Manifest", plan.images[:16]),
        ("Units", f"{-(-plan.rows // plan.unit)} of {plan.unit} images, batches of {plan.batch}"),
        ("Device", f"{plan.device}, {counted(plan.threads, 'thread')} a worker"),
    ]


def _left_out(found: Layout, folder: Blobs) -> tuple[dict[str, str], dict[int, str]]:
    """Images that could not be decoded and units that were skipped, each with the reason, from all ledgers."""
    plan = found.plan
    bad: dict[str, str] = {}
    skipped: dict[int, str] = {}
    for ledger in sorted({part.ledger for work in found.works for part in work.parts}):
        for unit, record in Ledger(folder, ledger, -(-plan.rows // plan.unit)).records():
            bad |= {image["id"]: image["reason"] for image in record.get("bad", ())}
            skipped |= {unit: record["skipped"]} if "skipped" in record else {}
    return bad, skipped


def _named(bad: dict[str, str]) -> str:
    shown = [f"{name} ({reason})" for name, reason in list(bad.items())[:5]]
    return ", ".join(shown) + (", ..." if len(bad) > 5 else "")


def _seconds(found: Layout, folder: Blobs) -> float:
    """Workers' time over all units, or tasks, of the first step, where the run's own time is not known any more."""
    plan = found.plan
    held = [(part.ledger, -(-plan.rows // plan.unit)) for work in found.works for part in work.parts]
    held += [(work.name, work.step.tasks(plan)) for work in found.works if isinstance(work.step, HasTasks)]
    records = Ledger(folder, *held[0]).records()
    return float(sum(record.get("seconds", 0.0) for _, record in records))


def _links(found: Layout) -> list[tuple[str, str]]:
    links = [(f"results of {work.step.name} (Zarr)", f"../results/{work.name}.zarr") for work in found.works]
    if found.stored:
        links.append(("activations (Zarr)", "../activations"))
    return [*links, ("the plan", "../plan.json"), ("the images in order", "../images.jsonl.gz")]
