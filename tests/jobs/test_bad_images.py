"""A folder as they are found: a truncated JPEG, text named .jpg, an empty class, grey and 16-bit pictures.

What cannot be decoded keeps its row, is named, and changes no statistic.
"""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from cluster.blobs import open_blobs
from cluster.ledger import Ledger
from cluster.store import ActivationStore
from jobs.results import read_results
from tests.jobs.command import changed, vitrine, written

GOOD = 60
BAD = {"cat/cut.jpg": "truncated", "dog/text.jpg": "not an image in JPEG"}


def pixels(seed: int) -> np.ndarray:
    """Smooth noise, different in each channel."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((4, 4, 1), np.uint8))


def folder(root: Path, bad: bool) -> Path:
    """60 colored pictures, one grey, one of 16 bits and an empty class; with `bad`, two that are none."""
    for name in ("cat", "dog", "empty"):
        (root / name).mkdir(parents=True)
    for number in range(GOOD):
        Image.fromarray(pixels(number)).save(root / ("cat", "dog")[number % 2] / f"{number:02d}.png")
    Image.fromarray(pixels(100)[..., 0]).save(root / "cat" / "grey.png")
    Image.fromarray(pixels(101)[..., 0].astype(np.uint16) * 257).save(root / "dog" / "deep.png")
    if bad:
        whole = io.BytesIO()
        Image.fromarray(pixels(102)).save(whole, "JPEG")
        (root / "cat" / "cut.jpg").write_bytes(whole.getvalue()[: whole.tell() * 2 // 3])
        (root / "dog" / "text.jpg").write_text("This is not a picture.")
    return root


def study(root: Path, **changes: Any) -> dict[str, Any]:
    images = {"source": "imagefolder", "root": str(root), "unit": 32, "batch": 8}
    return changed(images=images, nets__a__options={"width": 6}, nets__b__options={"width": 6}, **changes)


def the_run(path: Path) -> Path:
    return next((path.parent / "runs").glob("small-*"))


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return found


def correlations(run: Path) -> dict[str, xr.Dataset]:
    name = next(step for step in manifest(run)["steps"] if step.startswith("correlate"))
    found = read_results(open_blobs(str(run)), name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run over the folder with bad images, of which it may have a tenth."""
    ground = tmp_path_factory.mktemp("ground")
    path = written(ground, study(folder(ground / "images", bad=True), images__max_bad=0.1))
    assert vitrine("run", path) == 0
    return the_run(path)


def test_bad_images_are_in_the_records_and_the_report(run: Path) -> None:
    ledgers = {path.name for path in (run / "ledger").iterdir()}
    assert len(ledgers) == 3
    for ledger in ledgers:
        records = [json.loads(path.read_text()) for path in (run / "ledger" / ledger).glob("unit-*.json")]
        bad = {image["id"]: image["reason"] for record in records for image in record["bad"]}
        assert bad.keys() == BAD.keys()
        assert all(reason in bad[name].replace("Truncated", "truncated") for name, reason in BAD.items())
    page = (run / "report" / "index.html").read_text()
    assert f"2 of {GOOD + 4} images could not be decoded" in page
    assert all(name in page for name in BAD)


def test_the_valid_array_marks_them(run: Path) -> None:
    blobs = open_blobs(str(run))
    rows = GOOD + 4
    valid = ActivationStore.open(blobs).valid(0, rows, Ledger(blobs, manifest(run)["store_ledger"], 2))
    _, *entries = gzip.decompress(blobs.read("images.jsonl.gz")).decode().splitlines()
    assert {json.loads(entries[row])[0] for row in np.flatnonzero(~valid)} == BAD.keys()


def test_an_empty_class_stays_a_class(run: Path) -> None:
    assert json.loads((run / "plan.json").read_text())["classes"] == ["cat", "dog", "empty"]


def test_statistics_are_those_of_the_folder_without_them(run: Path, tmp_path: Path) -> None:
    """Batches differ, so what is drawn by the batch (the noise floor) may; the rest agrees to float32 rounding."""
    path = written(tmp_path, study(folder(tmp_path / "images", bad=False)))
    assert vitrine("run", path) == 0
    clean = correlations(the_run(path))
    for layer, found in correlations(run).items():
        assert found["samples"] == clean[layer]["samples"]
        for name in ("rho", "rho_a", "rho_b", "mean_a", "std_b"):
            np.testing.assert_allclose(found[name], clean[layer][name], rtol=1e-5, atol=1e-5, err_msg=name)
        assert np.nanmax(np.abs(found["rho"])) > 0.3


def test_from_the_store_as_from_the_pass(run: Path, tmp_path: Path) -> None:
    root = folder(tmp_path / "images", bad=True)
    extract = {"store": ["*"], "statistics": [], "dtype": "float32"}
    path = written(tmp_path, study(root, images__max_bad=0.1, extract=extract))
    assert vitrine("run", path) == 0
    for layer, found in correlations(the_run(path)).items():
        np.testing.assert_allclose(found["rho"], correlations(run)[layer]["rho"], rtol=1e-5, atol=1e-5)


def test_too_many_fail_the_run_until_more_are_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, study(folder(tmp_path / "images", bad=True)))
    assert vitrine("run", path) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("vitrine: Failed: ")
    assert f" of {GOOD + 4} images cannot be decoded, first " in said
    assert any(f"first {name} (" in said for name in BAD)
    assert said.endswith("repair or remove them, or raise images.max_bad from 0.01.")
    assert vitrine("run", path) == 1
    assert vitrine("run", path, "--set", "images.max_bad=0.04") == 0
    assert manifest(the_run(path))["steps"]
