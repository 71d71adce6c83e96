"""Numbers and tables of karnaugh on units made by hand: what is chosen, what is told of it, what has no number."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from analysis.boolean.circuits import circuits, subsets_of
from jobs.errors import UserError
from jobs.report.cells import shown
from jobs.steps.karnaugh.datasets import dataset
from jobs.steps.karnaugh.evidence import evidence_dataset
from jobs.steps.karnaugh.options import KarnaughOptions
from jobs.steps.karnaugh.pool import Pool
from jobs.steps.karnaugh.step import Karnaugh
from jobs.steps.karnaugh.tables import _numbers
from jobs.steps.karnaugh.targets import Members
from jobs.steps.karnaugh.unit_values import Noted
from jobs.steps.step import Batch
from tests.analysis.boolean.targets import planted


def step(**options: Any) -> Karnaugh:
    asked = {"targets": {"t": {"classes": [1]}}, "k": 3, "pool": 10, "score": "accuracy", **options}
    return Karnaugh(KarnaughOptions.model_validate(asked), ("a",), (("conv1",),), (("conv1",),), Members({}, {}))


def candidates(bits: np.ndarray, target: np.ndarray, fit: int) -> Pool:
    """Units as they come, the first `fit` images to the fit."""
    units, rows = bits.shape[1], np.arange(len(bits))
    numbers = np.zeros(units)
    return Pool(
        ("conv1",) * units, np.arange(units), numbers, numbers, bits, target, rows, target.astype(int), rows < fit
    )


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return dataset(step(), candidates(*planted(0, 1100), 1000), "t", "a")


def cells(found: xr.Dataset) -> dict[str, str]:
    """The only row of the table of circuits, as text."""
    table = _numbers(step(), {("t", "a"): found})
    return {name: shown(cell).text for name, cell in zip(table.columns, table.rows[0], strict=True)}


def test_a_rival_is_chosen_by_the_images_of_the_fit(found: xr.Dataset) -> None:
    made = candidates(*planted(0, 1100), 1000)
    every = circuits(made.seen, made.held_out, subsets_of(10, 3)).circuits
    by_text = {one.formula.text(): one for one in every}
    for place in range(3):
        others = [one for one in every if place not in one.inputs]
        elsewhere = by_text[str(found["ablated_formula"].values[place, 2])]
        assert elsewhere.seen.accuracy == max(one.seen.accuracy for one in others)
        assert found["ablated"].values[place, 2] == elsewhere.fidelity.accuracy
    first = by_text[str(found["circuit"].values[0])]
    assert first.seen.accuracy == max(one.seen.accuracy for one in every) == float(found["seen_score"][0])
    assert first.fidelity.accuracy == float(found["score"][0])
    near = sum(one.fidelity.accuracy >= first.fidelity.accuracy - 0.01 - 1e-12 for one in every)
    assert found.sizes["circuit"] == near
    assert cells(found)["near the best of all"] == str(near)


def test_the_table_tells_how_sure_a_score_is(found: xr.Dataset) -> None:
    share, told = float(found["score"][0]), cells(found)
    assert float(found["score_error"][0]) == pytest.approx(math.sqrt(share * (1 - share) / 100))
    assert told["standard error"] == f"{math.sqrt(share * (1 - share) / 100):.3f}"
    assert told["functions"] == str(found.attrs["functions"])
    capped = cells(found.assign_attrs(more_circuits=1))
    assert [capped[name] for name in ("circuits", "functions", "near the best of all")] == [
        f"at least {told[name]}" for name in ("circuits", "functions", "near the best of all")
    ]


def test_a_circuit_that_loses_nothing_is_spread_over_no_number() -> None:
    bits, _ = planted(1, 400)
    rare = np.arange(400) % 20 == 0
    constant = dataset(step(), candidates(bits, rare, 300), "t", "a")
    assert constant.attrs["sum"] == "0"
    assert cells(constant)["spread over"] == "–"


def test_a_target_without_a_known_image_is_not_explained() -> None:
    bits, target = planted(2, 400)
    whole = candidates(bits, target, 300)
    part = whole.rows % 2 == 0
    some = replace(
        whole, bits=bits[part], target=~target[part], rows=whole.rows[part], labels=whole.labels[part],
        fit=whole.fit[part],
    )  # fmt: skip
    odd = replace(whole, target=target & (whole.fit | ~part))
    found = evidence_dataset(step(), "a", {"some": some, "odd": odd})
    image = int(found["explained"].sel(target="some"))
    assert image >= 300
    assert not target[image]
    assert int(found["explained"].sel(target="odd")) == -1, "the images on which it is known are odd"
    assert np.isnan(found["evidence"].sel(target="odd")).all()
    assert not np.isnan(found["evidence"].sel(target="some")).any()


@pytest.mark.parametrize(
    ("logits", "kind"), [({}, "no tensor"), ({"a": torch.zeros(2, 5, 4)}, r"of shape \(2, 5, 4\)")]
)
def test_a_network_that_is_no_classifier_is_named(logits: dict[str, torch.Tensor], kind: str) -> None:
    batch = Batch(np.arange(2), ("0", "1"), np.zeros(2, np.int64), np.zeros(2, np.int64), logits=logits)
    with pytest.raises(UserError, match=rf"the output of a is {kind}, expected one number a class .*name classifiers"):
        Noted(step()).update(batch)
