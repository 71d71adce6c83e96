"""The step karnaugh: thresholds, inputs, tables and fidelity as a plain count gives them, modes, evidence, refusals."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import balanced_accuracy_score, mutual_info_score  # type: ignore[import-untyped]

from analysis.boolean.notation import letters, parse
from jobs.errors import UserError
from jobs.steps.karnaugh.options import KarnaughOptions
from jobs.steps.karnaugh.pool import pool
from jobs.steps.karnaugh.targets import Members
from jobs.steps.karnaugh.unit_values import Values
from jobs.study import Study
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import Done, numbers, ran, small
from tests.jobs.steps.plain_layers import groups, layer_maps

ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}
THREE = {"three": {"classes": [3]}}


def study(folder: Path, nets: Any = ONE, unit: int = 64, targets: Any = THREE, **options: Any) -> Study:
    images = {"unit": unit, "batch": 16, "limit": 200}
    asked = {"k": 3, "pool": 6, "layers": ["relu3"], "modes": False, "evidence": False, "targets": targets, **options}
    return small(folder, nets=nets, layers=["conv1", "relu2", "relu3"], images=images, steps=[{"karnaugh": asked}])


def done(folder: Path, **options: Any) -> Done:
    return numbers(study(folder, **options))


class Plain:
    """All values of a layer, labels and sides, computed apart."""

    def __init__(self, run: Done, layer: str = "relu3"):
        maps = layer_maps(run, 1, layer)
        self.maximum, self.mean = maps.max((2, 3)), maps.mean((2, 3))
        self.center = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
        self.labels = digits(digit_rows(run.blobs))[1]
        self.fit = groups(run) < 12
        self.logits = layer_maps(run, 1, "fc2")[:, :, 0, 0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One run that most tests read."""
    targets = {**THREE, "zero": {"classes": [0]}, "error": {"error": True}}
    groups = {"odd": [1, 3, 5, 7, 9], "even": [0, 2, 4, 6, 8]}
    return done(tmp_path_factory.mktemp("karnaugh"), targets=targets, groups=groups, modes=30, evidence=True)


def information(bits: np.ndarray, target: np.ndarray) -> float:
    return float(mutual_info_score(bits, target)) / math.log(2)


def said(text: str, bits: np.ndarray) -> np.ndarray:
    """A formula's value on images, term by term as it is written; bits are (images, pool)."""
    names = letters(bits.shape[1])
    return np.array([parse(text, names).truth()[int("".join(str(int(bit)) for bit in row), 2)] for row in bits])


def bits_of(found: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """By the thresholds that were found; a quantile is the value of some image, which float32 rounded."""
    edges = found["threshold"].values
    return np.asarray(values[:, found["channel"].values] - edges > 1e-5 * np.abs(values).max())


def test_thresholds_and_inputs_tell_most_on_the_images_of_the_fit(run: Done) -> None:
    found, plain = run.results("karnaugh")["three--a"], Plain(run)
    values, target = plain.maximum[plain.fit], plain.labels[plain.fit] == 3
    best = [
        max(information(column > edge, target) for edge in np.unique(column)[:-1]) if np.ptp(column) else 0.0
        for column in values.T
    ]
    bits = bits_of(found, values)
    np.testing.assert_allclose(found["information"], [best[n] for n in found["channel"].values], atol=1e-9)
    np.testing.assert_allclose(found["information"], [information(one, target) for one in bits.T], atol=1e-9)
    assert int(found["channel"][0]) == int(np.argmax(best))
    second = [information(2 * bits[:, 0] + one, target) for one in bits.T]
    assert second[1] == pytest.approx(max(second))


def test_tables_formulas_and_fidelity_are_those_of_a_plain_count(run: Done) -> None:
    found, plain = run.results("karnaugh")["three--a"], Plain(run)
    bits, target = bits_of(found, plain.maximum), plain.labels == 3
    cut = target[plain.fit].mean()
    for code, states in enumerate(itertools.product([False, True], repeat=3)):
        here = (bits[:, :3] == states).all(1)
        hits = [int((here & side & target).sum()) for side in (plain.fit, ~plain.fit)]
        assert [int(found[f"{side}_positives"][code]) for side in ("fit", "held_out")] == hits
        seen = int((here & plain.fit).sum())
        for form in ("sum", "product"):
            if seen and not math.isclose(hits[0], cut * seen):
                assert parse(found.attrs[form], letters(3)).truth()[code] == (hits[0] > cut * seen)
    held = bits[~plain.fit]
    for form in ("sum", "product"):
        judged = found["fidelity"].sel(form=form, measure="balanced_accuracy")
        right = balanced_accuracy_score(target[~plain.fit], said(found.attrs[form], held[:, :3]))
        assert float(judged) == pytest.approx(right)


def test_every_rival_is_counted_and_those_near_the_chosen_are_what_they_say(run: Done) -> None:
    found, plain = run.results("karnaugh")["three--a"], Plain(run)
    scores = found["score"].values
    assert found.attrs["judged_subsets"] == math.comb(6, 3)
    assert np.all(np.diff(found["seen_score"]) <= 0)
    assert found.sizes["circuit"] == (scores >= scores[0] - 0.01 - 1e-12).sum()
    held, target = bits_of(found, plain.maximum)[~plain.fit], plain.labels[~plain.fit] == 3
    for text, judged in zip(found["circuit"].values, found["circuit_fidelity"].values, strict=True):
        assert judged[1] == pytest.approx(balanced_accuracy_score(target, said(str(text), held)))
    for place, row in enumerate(found["ablated_formula"].values):
        assert "ABC"[place] not in row[1] + row[2]
        if row[2]:
            assert found["ablated"].values[place, 2] == pytest.approx(
                balanced_accuracy_score(target, said(str(row[2]), held))
            )


def test_units_of_work_change_nothing(run: Done, tmp_path: Path) -> None:
    other = done(tmp_path, unit=208).results("karnaugh")
    xr.testing.assert_allclose(run.results("karnaugh")["three--a"], other["three--a"])


@pytest.mark.parametrize("value", ["mean", "center"])
def test_other_readings_of_a_map(tmp_path: Path, value: str) -> None:
    run = done(tmp_path, value=value, thresholds="quantile", quantile=0.7)
    found, plain = run.results("karnaugh")["three--a"], Plain(run)
    values = getattr(plain, value)
    edges = np.quantile(values[plain.fit], 0.7, axis=0, method="inverted_cdf")
    np.testing.assert_allclose(found["threshold"], edges[found["channel"].values], rtol=1e-4, atol=1e-6)
    counted = found["fit_positives"].values + found["fit_negatives"].values
    states = bits_of(found, values)[plain.fit, :3] @ np.array([4, 2, 1])
    np.testing.assert_array_equal(counted, np.bincount(states, minlength=8))


def test_units_and_errors_are_targets(run: Done, tmp_path: Path) -> None:
    plain = Plain(run)
    wrong = plain.logits.argmax(1) != plain.labels
    assert int(run.results("karnaugh")["error--a"]["held_out_positives"].sum()) == int(wrong[~plain.fit].sum())
    other = done(tmp_path, targets={"unit": {"unit": ["relu2", 4]}}, layers=["*"])
    found, plain = other.results("karnaugh")["unit--a"], Plain(other, "relu2")
    own = plain.maximum[:, 4]
    assert set(found["layer"].values.tolist()) == {"conv1"}
    on = own > np.quantile(own[plain.fit], 0.9, method="inverted_cdf")
    assert int(found["held_out_positives"].sum()) == int(on[~plain.fit].sum())


def seen(images: int = 32) -> Values:
    """Of two units, of which the first knows class 1, predicted one image late."""
    labels = np.arange(images) % 4
    units = np.stack([labels == 1, labels > 1], axis=1).astype(np.float32)
    return Values(np.arange(images), labels, np.roll(labels, 1), {"conv1": units})


def asked(**options: Any) -> KarnaughOptions:
    return KarnaughOptions.model_validate({"targets": {"one": {"classes": [1]}}, "k": 2, "pool": 2, **options})


def test_a_class_may_be_what_is_predicted() -> None:
    found, groups = Members({}, {"one": (1,)}), np.arange(32) // 2
    for of, target in (("label", seen().labels), ("predicted", seen().predicted)):
        made = pool(asked(of=of), found, "one", seen(), ("conv1",), groups)
        np.testing.assert_array_equal(made.target, target == 1)
        np.testing.assert_array_equal(made.fit, groups < 12)
    assert made.information[0] < 0.5, "the unit knows the label"


def test_a_side_without_the_target_is_refused() -> None:
    groups = np.where(seen().labels == 1, 3, 13)
    with pytest.raises(UserError, match=r"targets.one: 8 of 8 fit images have it; both sides need some with and some"):
        pool(asked(), Members({}, {"one": (1,)}), "one", seen(), ("conv1",), groups)


def test_given_inputs_come_first_and_subsets_are_drawn(tmp_path: Path) -> None:
    found = done(tmp_path, inputs=[["relu3", 7], ["conv1", 2]], subsets=5).results("karnaugh")["three--a"]
    assert found["channel"].values[:2].tolist() == [7, 2]
    assert found["layer"].values[:2].tolist() == ["relu3", "conv1"]
    assert found.attrs["judged_subsets"] == 5
    assert found.attrs["possible_subsets"] == math.comb(6, 2)


def test_classes_by_range_and_group_and_seven_inputs(tmp_path: Path) -> None:
    groups = {"round": ["8-9", 0]}
    options = {"targets": {"curved": {"classes": ["round", 3]}}, "groups": groups, "k": 7, "pool": 8, "subsets": 3}
    run = done(tmp_path, **options)
    found, plain = run.results("karnaugh")["curved--a"], Plain(run)
    positives = found["fit_positives"].sum() + found["held_out_positives"].sum()
    assert int(positives) == np.isin(plain.labels, [0, 3, 8, 9]).sum()
    assert not found.attrs["proven"]
    assert found.sizes["code"] == 128


def test_modes_are_of_the_strongest_images_and_named_by_their_classes(run: Done) -> None:
    found, plain = run.results("karnaugh")["a.units"], Plain(run)
    for unit in range(found.sizes["unit"]):
        own = plain.maximum[:, int(found["channel"][unit])]
        np.testing.assert_array_equal(found["row"].values[unit], np.argsort(-own, kind="stable")[:30])
        called = [str(name) for name in found["name"].values[unit] if name]
        assert len(called) == int(found["modes"][unit]) == found["mode"].values[unit].max() + 1
        assert all(set(name.rstrip(" 12").split("/")) <= {"odd", "even"} for name in called)


def test_evidence_adds_up_to_what_is_predicted(run: Done) -> None:
    found, plain = run.results("karnaugh")["a.evidence"], Plain(run)
    bits, fit = bits_of(found, plain.maximum), plain.fit
    for cause, number in enumerate((3, 0)):
        target = plain.labels == number
        prior = (target[fit].sum() + 1) / (fit.sum() + 2)
        on = [(bits[fit & side].sum(0) + 1) / ((fit & side).sum() + 2) for side in (target, ~target)]
        likely = [np.where(bits, share, 1 - share).prod(1) for share in on]
        expected = prior * likely[0] / (prior * likely[0] + (1 - prior) * likely[1])
        np.testing.assert_allclose(found["probability"].values[0, cause], expected[~fit], rtol=1e-9)
        image = int(np.flatnonzero(~fit & target)[0])
        assert int(found["explained"][cause]) == image
        total = found["prior"].values[cause] + found["evidence"].values[cause].sum(1)
        at = found["row"].values.tolist().index(image)
        np.testing.assert_allclose(1 / (1 + np.exp(-total)), found["probability"].values[:, cause, at], rtol=1e-6)


def test_the_report_draws_maps_circuits_modes_and_evidence(tmp_path: Path) -> None:
    run = ran(study(tmp_path, layers=["relu2", "relu3"], k=2, pool=3, modes=40, evidence=True))
    drawn = {"karnaugh-three-a", "circuits-three", "and_of_ors-three-a", "evidence-a", "reliability-a"}
    assert drawn == set(run.manifest["figures"])
    for title in ("Formulas", "Terms", "Inputs, and what is left", "How many circuits", "Modes", "Evidence"):
        assert title in run.page
    assert "lie below the dashed line on the right and above it on the left" in run.page


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"score": "accuracy", "modes": 30, "evidence": True},
        {"layers": ["conv1"], "inputs": [["conv1", 0], ["conv1", 1]], "thresholds": "quantile", "quantile": 0.999},
        {"k": 7, "pool": 9, "subsets": 4, "value": "mean"},
    ],
)
def test_what_is_constant_or_beyond_a_map_is_drawn_too(tmp_path: Path, options: dict[str, Any]) -> None:
    run = ran(study(tmp_path, **options))
    assert ("karnaugh-three-a" in run.manifest["figures"]) == (options.get("k", 3) <= 6)
    assert "circuits-three" in run.manifest["figures"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": {"t": {"classes": ["therr"]}}, "groups": {"three": [3]}}, "'therr'; did you mean 'three'?"),
        ({"targets": {"t": {"classes": ["8-12"]}}}, "targets.t.classes: 8-12 is no class; there are 0 to 9."),
        ({"targets": {"t": {"classes": ["0-9"]}}}, "targets.t: 200 of 200 labeled images are of these classes"),
        ({"targets": {"t": {"unit": ["relu9", 0]}}}, "targets: 'relu9' is no studied layer of a; did you mean"),
        ({"targets": {"t": {"unit": ["relu2", 6]}}}, "targets: 6 is not in a/relu2, which has 0 to 5."),
        ({"targets": {"t": {"unit": ["conv1", 0]}}}, "targets.t: layers [] of a hold 0 units below it and a circuit"),
        ({"inputs": [["relu3", 0], ["relu3", 12]]}, "inputs: 12 is not in a/relu3, which has 0 to 11."),
        ({"targets": {"t": {"unit": ["relu2", 0]}}, "inputs": [["relu3", 0], ["conv1", 1]], "layers": ["conv1"]},
         "inputs: relu3 of a is not before relu2, whose unit 0 is the target t; name layers before it: choose from"),
        ({"layers": ["relu7"]}, "layers: 'relu7' is no studied layer of a"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        done(tmp_path, **options)
    assert "steps.karnaugh." in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": {"t": {"classes": [3], "error": True}}}, "a target is either classes, a unit or error"),
        ({"pool": 2}, "pool: 2 units do not hold circuits of 3 inputs; raise pool"),
        ({"inputs": [["relu3", 1], ["relu3", 1]]}, "inputs: a unit is given twice"),
        ({"modes": 5}, "modes"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, **options)
