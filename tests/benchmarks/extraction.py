"""How much does extraction cost beside a bare forward pass? Two SqueezeNets, five layers, 500 photographs.

    VITRINE_DATA=... uv run python -m tests.benchmarks.extraction [--repeats 3] [--json FILE]

Prints images/s of each loop, medians over the repeats, and the ratios: statistics of 64 positions an image beside the
bare loop; statistics of all positions beside the bare loop with the same float32 Gram products; storage beside the bare
loop with float16 and zstd-1 of the same bytes. The bare loop is what PyTorch does by default; one ratio stands beside a
bare loop that runs channels last, as extraction does. Loops take turns, so that a drift of the machine meets them all.
"""

import argparse
import json
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from cluster.actors import TaskFactory
from cluster.blobs import open_blobs
from cluster.events import Event, UnitStarted
from cluster.geometry import layer_geometry
from cluster.ledger import Ledger
from cluster.merge import climb
from cluster.scheduler import Stop, run_units
from cluster.store import ActivationStore
from jobs.extract import Pass
from jobs.inputs import Inputs
from jobs.passes import layout
from jobs.prepare import draft, settled
from jobs.study import load
from tests.benchmarks.bare import Bare

RATIOS = {
    "statistics of 64 positions / bare": ("sample", "bare", 0.85),
    "statistics of all positions / bare with Gram products": ("all", "gram", 0.9),
    "storage / bare with float16 and zstd-1": ("store", "zstd", 0.8),
    "statistics of 64 positions / bare, itself channels last": ("sample", "last", None),
}


def prepared(folder: str, *overrides: str) -> tuple[Inputs, Pass]:
    """A study's only pass over the images, ready to run."""
    study = load("squeezenets", [f"runs={folder}", "images.unit=250", *overrides])
    inputs = Inputs(study, open_blobs(folder))
    plan, manifest = draft(inputs)
    plan, run = settled(inputs, plan, manifest)
    found = layout(study, plan)
    if found.stored:
        shapes = {layer: layer_geometry(plan.shapes[layer], plan.dtype, plan.unit) for layer in found.stored}
        ActivationStore.create(run, shapes, plan.rows, plan.unit)
    return inputs, found.passes(inputs, found.works)[0]


def images_per_second(factory: TaskFactory, work: Pass) -> float:
    """From the first unit's start, workers being open, to the last merge."""
    began: list[float] = []
    ledgers = work.ledgers() if factory is work else {}

    def note(event: Event) -> None:
        if isinstance(event, UnitStarted):
            began.append(time.perf_counter())

    def done(unit: int, _record: dict[str, Any]) -> None:
        for part in work.parts if ledgers else ():
            climb(ledgers[part.ledger], part.step.merge, unit)

    resources = work.inputs.study.resources
    with Stop() as stop:
        outcome = run_units(factory, range(work.units), resources, on_event=note, on_done=done, stop=stop)
    assert len(outcome.done) == work.units, outcome.failure
    return work.plan.rows / (time.perf_counter() - min(began))


def measured(name: str) -> float:
    """One run of one loop in a folder of its own."""
    overrides = {
        "sample": ["extract.positions={sample: 64}"],
        "store": ['extract.store=["*"]', "steps=[evaluate]"],
    }
    with tempfile.TemporaryDirectory() as folder:
        _, work = prepared(folder, *overrides.get(name, []))
        factory = work if name in ("sample", "all", "store") else Bare(work, "" if name == "bare" else name)
        speed = images_per_second(factory, work)
        complete = all(not Ledger(work.run, ledger, work.units).missing() for ledger in work.ledgers())
        assert complete == (factory is work), name
        return speed


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = ("bare", "last", "sample", "gram", "all", "zstd", "store")
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(options.repeats):
        for name in names:
            speeds[name].append(measured(name))
            print(f"repeat {repeat + 1}: {name:7s} {speeds[name][-1]:6.1f} images/s", flush=True)
    found = {}
    for label, (ours, bare, aim) in RATIOS.items():
        found[label] = median(speeds[ours]) / median(speeds[bare])
        print(f"{label}: {found[label]:.3f}" + (f" (aim: at least {aim})" if aim else ""))
    if options.json:
        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        options.json.write_text(json.dumps({**about, "images_per_second": speeds, "ratios": found}, indent=1) + "\n")


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.processor()


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
