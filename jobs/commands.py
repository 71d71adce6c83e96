"""What the commands do: results on stdout, diagnostics on stderr."""

import json as encoder
from functools import partial
from importlib import resources as packaged
from pathlib import Path
from typing import Any

from cluster.blobs import Blobs, open_blobs
from cluster.ledger import Ledger
from cluster.stop import Stop
from jobs.counted import counted
from jobs.errors import FailedError, UserError
from jobs.plan import Plan
from jobs.progress import Progress
from jobs.study import Study, load


def run_study(name: str, overrides: list[str], allow_code: tuple[str, ...], as_json: bool) -> None:
    """`vitrine run`: prints where the report is."""
    from jobs.run import run

    study = load(name, overrides)
    with Stop() as stop:
        done = run(study, allow_code=allow_code, watch=partial(_watch, as_json), stop=stop)
    if as_json:
        print(encoder.dumps(vars(done)))
    else:
        units = counted(done.computed_units, "unit")
        state = f"{units} in {done.seconds:.0f} s" if done.computed_units else "nothing left to compute"
        print(f"{done.report}\n{state}; everything is in {done.folder}")


def plan_study(name: str, overrides: list[str], allow_code: tuple[str, ...], as_json: bool) -> None:
    """`vitrine plan`: nothing is trained, stored or committed."""
    from jobs.forecast import forecast

    found = forecast(load(name, overrides), allow_code)
    if as_json:
        print(encoder.dumps(found.facts))
    else:
        width = max(len(label) for label, _ in found.lines)
        print("\n".join(f"{label:<{width}}  {text}" for label, text in found.lines))


def status_of(name: str, overrides: list[str], as_json: bool) -> None:
    """`vitrine status`: units committed by ledger."""
    study = load(name, overrides)
    plan, folder = _known(study)
    units, tasks = -(-plan.rows // plan.unit), _tasks(study, plan)
    ledgers = sorted({blob.split("/")[1] for blob in folder.list("ledger")})
    of = {ledger: tasks.get(ledger, units) for ledger in ledgers}
    done = {ledger: len(Ledger(folder, ledger, of[ledger]).committed()) for ledger in ledgers}
    finished = folder.exists("manifest.json")
    if as_json:
        facts = {"folder": folder.url, "units": units, "committed": done, "of": of, "finished": finished}
        print(encoder.dumps(facts))
        return
    print(f"{folder.url}: {'finished' if finished else 'not finished'}, {plan.rows} images in {units} units")
    for ledger, count in done.items():
        print(f"  {ledger}: {count} of {of[ledger]} {'tasks' if ledger in tasks else 'units'}")


def _tasks(study: Study, plan: Plan) -> dict[str, int]:
    """Number of tasks of each step that has some, by ledger."""
    from jobs.passes import layout
    from jobs.steps.step import HasTasks

    return {work.name: work.step.tasks(plan) for work in layout(study, plan).works if isinstance(work.step, HasTasks)}


def verify_run(name: str, overrides: list[str], as_json: bool) -> None:
    """`vitrine verify`: FailedError where a shard is missing or differs."""
    from cluster.store import ActivationStore, verify

    plan, folder = _known(load(name, overrides))
    manifest = encoder.loads(folder.read("manifest.json")) if folder.exists("manifest.json") else {}
    by_ledger = dict(manifest.get("written", {}))
    if manifest.get("stored"):
        by_ledger[manifest["store_ledger"]] = manifest["stored"]
    if not by_ledger:
        raise UserError(f"{folder.url}: no finished run with stored activations to verify; run it, with extract.store.")
    problems, shards = list[str](), 0
    for name, arrays in by_ledger.items():
        ledger = Ledger(folder, name, -(-plan.rows // plan.unit))
        problems += verify(ActivationStore.open(folder).only(arrays), ledger)
        shards += sum(len(record.get("shards", ())) for _, record in ledger.records())
    if as_json:
        print(encoder.dumps({"folder": folder.url, "shards": shards, "problems": problems}))
    else:
        print("\n".join([*problems, f"{shards} shards hashed, {len(problems)} problems"]))
    if problems:
        raise FailedError(f"{len(problems)} of {shards} shards are not what was committed.")


def redraw(name: str, overrides: list[str], allow_code: tuple[str, ...]) -> None:
    """`vitrine report`: from the results alone."""
    from jobs.inputs import Inputs
    from jobs.passes import layout
    from jobs.prepare import measured
    from jobs.results import is_finished
    from jobs.run import draw

    study = load(name, overrides)
    plan, folder = _known(study)
    inputs = Inputs(study, open_blobs(study.runs), allow_code)
    found = layout(study, measured(inputs, plan))  # the run may hold layers that the study does not name any more
    missing = [work.name for work in found.works if not is_finished(folder, work.name)]
    if missing:
        raise UserError(f"{folder.url}: {missing[0]} has no results yet; finish it with `vitrine run {name}`.")
    draw(inputs, found, folder)
    print(f"{folder.url}/report/index.html")


def compress_weights(name: str, to: str | None, as_json: bool) -> None:
    """`vitrine compress`: prints the two sizes."""
    from analysis.compression.container import to_bytes
    from jobs.nets.weights import COMPRESSED, read_weights

    tensors = read_weights(Path(name))
    try:
        data = to_bytes({key: tensor.numpy() for key, tensor in tensors.items()})
    except (ValueError, TypeError) as error:
        raise UserError(f"{name}: {error}; convert its tensors to float32.") from error
    target = _target(name, to, COMPRESSED)
    target.write_bytes(data)
    dense = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    _print_sizes(target, dense, len(data), as_json)


def decompress_weights(name: str, to: str | None, as_json: bool) -> None:
    """`vitrine decompress`: prints the two sizes."""
    from jobs.nets.weights import COMPRESSED, read_weights, save_tensors

    if Path(name).suffix != COMPRESSED:
        raise UserError(f"{name} is no {COMPRESSED} file; name one that `vitrine compress` or a study wrote.")
    tensors, target = read_weights(Path(name)), _target(name, to, ".safetensors")
    save_tensors(tensors, target)
    dense = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    _print_sizes(target, dense, Path(name).stat().st_size, as_json)


def _target(name: str, to: str | None, suffix: str) -> Path:
    """The file to write; UserError where it is there already or has no folder."""
    target = Path(name).with_suffix(suffix) if to is None else Path(to)
    if target.exists():
        raise UserError(f"{target} is there already; name another file or remove it.")
    if not target.parent.is_dir():
        raise UserError(f"{target.parent} is no folder; make it or name another file.")
    return target


def _print_sizes(target: Path, dense: int, compressed: int, as_json: bool) -> None:
    if as_json:
        print(encoder.dumps({"file": str(target), "dense_bytes": dense, "compressed_bytes": compressed}))
    else:
        print(
            f"{target}: {dense:,} bytes of tensors, {compressed:,} compressed, {dense / compressed:.1f} times smaller"
        )


def write_example(path: str) -> None:
    """`vitrine init`: never over an existing file."""
    target = Path(path)
    text = (packaged.files("jobs") / "studies" / "example.yaml.txt").read_text(encoding="utf-8")
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{path} exists; give another name, as in `vitrine init my-study.yaml`.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); give another path.") from error
    print(f"{path}\nrun it with: vitrine run {path}")


def print_schema() -> None:
    """`vitrine schema`."""
    print(encoder.dumps(Study.model_json_schema(), indent=2))


def _watch(silent: bool, label: str, total: int, done: int) -> Any:
    nouns = {"training": "networks", "images": "images", "reading the store": "images"}
    return Progress(total, done, label, silent=silent, noun=nouns.get(label, "tasks"))


def _known(study: Study) -> tuple[Plan, Blobs]:
    """The plan and folder of an earlier run of this study."""
    from jobs.prepare import known_folder

    root = open_blobs(study.runs)
    folder = known_folder(study, root)
    if folder is None:
        raise UserError(f"{study.name}: no run of this study in {study.runs}; start it with `vitrine run`.")
    run = open_blobs(f"{root.url}/{folder}")
    try:
        return Plan.load(run), run
    except FileNotFoundError as error:
        raise UserError(f"{run.url}: the run has not got as far as a plan; go on with `vitrine run`.") from error
