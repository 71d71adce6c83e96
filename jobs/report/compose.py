"""From a finished run to its report: every step presents itself, this puts it on one page with what was run."""

import json
from typing import Any

from cluster.blobs import Blobs
from cluster.ledger import Ledger
from jobs.figures.plate import save
from jobs.inputs import Inputs
from jobs.nets.record import RECORD
from jobs.passes import Layout
from jobs.plan import Plan
from jobs.report.page import NetworkRow, PlateEntry, Report, Table, write_report
from jobs.report.sparkline import TrainingCurve
from jobs.results import read_results
from jobs.steps.presentation import Views


def compose(inputs: Inputs, found: Layout, folder: Blobs, seconds: float | None) -> list[str]:
    """Draw all figures and write the page; the names of the figures."""
    plan = found.plan
    views = Views(net=lambda name: inputs.net(name, plan.nets[name]))
    plates: list[PlateEntry] = []
    tables: list[Table] = []
    warnings: list[str] = []
    accuracy = None
    for work in found.works:
        results = read_results(folder, work.name)
        if results is None:
            raise FileNotFoundError(f"{work.name} has no results yet; run the study first.")
        accuracy = results["accuracy"]["accuracy"].to_pandas() if "accuracy" in results else accuracy
        shown = work.step.present(plan, results, views)
        for section, plate in shown.plates:
            save(plate, folder)
            plates.append(PlateEntry(section, plate.name, plate.title, plate.how_to_read))
        tables += shown.tables
        warnings += shown.warnings
    bad = _bad_images(found, folder)
    warnings += (
        [f"{len(bad)} of {plan.rows} images could not be decoded and were left out: {_named(bad)}."] if bad else []
    )
    report = Report(
        title=plan.name,
        summary=_summary(inputs, plan, bad),
        networks=[_network(inputs, plan, name, accuracy) for name in plan.nets],
        images=_images(inputs, plan, bad),
        versions=list(plan.versions.items()),
        seconds=_seconds(found, folder) if seconds is None else seconds,
        layer_tables=tables,
        plates=plates,
        links=_links(found),
        warnings=warnings,
    )
    write_report(report, folder)
    return [plate.name for plate in plates]


def _summary(inputs: Inputs, plan: Plan, bad: dict[str, str]) -> list[tuple[str, str]]:
    return [
        ("Networks", ", ".join(f"{name} ({net.arch})" for name, net in plan.nets.items())),
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
        origin = f"trained here: seed {train.seed}, {train.epochs} epochs on {record['images']:,} images"
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
        ("Device", f"{plan.device}, {plan.threads} threads a worker"),
    ]


def _bad_images(found: Layout, folder: Blobs) -> dict[str, str]:
    plan = found.plan
    bad: dict[str, str] = {}
    units = -(-plan.rows // plan.unit)
    for part in found.works[0].parts:
        for _, record in Ledger(folder, part.ledger, units).records():
            bad |= {image["id"]: image["reason"] for image in record.get("bad", ())}
    return bad


def _named(bad: dict[str, str]) -> str:
    shown = [f"{name} ({reason})" for name, reason in list(bad.items())[:5]]
    return ", ".join(shown) + (", ..." if len(bad) > 5 else "")


def _seconds(found: Layout, folder: Blobs) -> float:
    """Workers' time over all units of the first step, where the run's own time is not known any more."""
    units = -(-found.plan.rows // found.plan.unit)
    records = Ledger(folder, found.works[0].parts[0].ledger, units).records()
    return float(sum(record.get("seconds", 0.0) for _, record in records))


def _links(found: Layout) -> list[tuple[str, str]]:
    links = [(f"results of {work.step.name} (Zarr)", f"../results/{work.name}.zarr") for work in found.works]
    if found.stored:
        links.append(("activations (Zarr)", "../activations"))
    return [*links, ("the plan", "../plan.json"), ("the images in order", "../images.jsonl.gz")]
