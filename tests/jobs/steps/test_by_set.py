"""Similarity by set of images: each set's numbers are those of a study of that set alone, the whole is their sum."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from jobs.errors import UserError
from tests.jobs.small import numbers, small

NETS = {"a": {"arch": "convnet", "seed": 1, "classes": 10}, "b": {"arch": "convnet", "seed": 2, "classes": 10}}
COMPARE = {"measures": ["svcca", "cka"], "pairs": [["conv1", "conv1"], ["fc1", "fc1"]]}


def images(folder: Path) -> dict[str, object]:
    pictures = np.random.default_rng(0).integers(0, 256, (90, 8, 8), np.uint8)
    np.savez(folder / "noise.npz", images=pictures, labels=np.arange(90) % 10)
    return {"source": "npz", "file": str(folder / "noise.npz")}


def compared(folder: Path, source: dict[str, object], **compare: object) -> dict[str, xr.Dataset]:
    study = small(
        folder, images={**source, "unit": 64, "batch": 16}, nets=NETS, layers=["conv1", "fc1"], extract={},
        steps=[{"compare": {**COMPARE, **compare}}],
    )  # fmt: skip
    return numbers(study).results("compare")


def test_each_set_is_a_study_of_its_own(tmp_path: Path) -> None:
    noise = images(tmp_path)
    sets: dict[str, object] = {"source": "sets", "sets": {"digits": {"source": "digits", "limit": 120}, "noise": noise}}
    found = compared(tmp_path / "both", sets, by_set=True)
    alone = compared(tmp_path / "alone", noise)
    for measure in ("svcca", "cka"):
        by_set = found["similarity noise"][measure].values[:, 0]
        np.testing.assert_allclose(by_set, alone["similarity"][measure].values[:, 0], atol=1e-5)
        assert not np.allclose(by_set, found["similarity digits"][measure].values[:, 0], atol=1e-3)
    counts = [float(found[name]["svcca_samples"].values[1]) for name in ("similarity digits", "similarity noise")]
    assert counts == [120, 90]
    assert float(found["similarity"]["svcca_samples"].values[1]) == 210


def test_one_set_cannot_be_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"steps\.compare\.by_set: the study has one set of images"):
        compared(tmp_path, images(tmp_path), by_set=True)
