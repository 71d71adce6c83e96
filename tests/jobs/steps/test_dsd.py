"""The step dsd: arms that share what they must, gains seed by seed, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.errors import UserError
from jobs.nets.options import TrainSpec
from jobs.steps.dsd.datasets import gain_over, verdict
from jobs.steps.dsd.step import APART, phases
from jobs.study import Study
from tests.jobs.small import Done, numbers, ran, small

NETS = {"a": {"arch": "convnet", "options": {"width": 3}}}
TRANSLATOR = {"dates": {"train": 60, "test": 20}, "hidden": 4, "train": {"epochs": 1, "optimizer": "adam"}}


def study(folder: Path, **options: Any) -> Study:
    step = {"dsd": {"train": {"epochs": 2, "batch": 128, "seed": 5}, "then": [1, 1], "seeds": 2, **options}}
    return small(folder, nets=NETS, layers=["conv1"], steps=[step])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return ran(study(tmp_path_factory.mktemp("runs"), translator=TRANSLATOR))


def test_arms_differ_in_what_they_are_named_for(done: Done) -> None:
    found = done.results("dsd")["a"]
    assert found["seed"].values.tolist() == [5, 6]
    by_epoch = found["error_by_epoch"].values
    assert by_epoch.shape == (3, 2, 4)
    np.testing.assert_array_equal(by_epoch[0, :, :2], by_epoch[1, :, :2], err_msg="one first phase")
    np.testing.assert_array_equal(found["error"].values[0], by_epoch[0, :, 1])
    np.testing.assert_array_equal(found["error"].values[1:], by_epoch[:, :, -1])
    assert (found["loss"].values[1] != found["loss"].values[2]).all(), "the mask changes something"
    assert found.attrs["pruned"] == pytest.approx(0.3, abs=0.01)
    assert found.attrs["layer"] == "fc1.weight"


def test_the_five_histograms_are_of_the_same_weights(done: Done) -> None:
    found = done.results("dsd")["a"]
    counts, zeros = found["counts"].values, found["zeros"].values
    np.testing.assert_array_equal(counts[:, 0].sum(1), counts[:, 3].sum(1))
    np.testing.assert_allclose(counts[:, 1].sum(1) / counts[:, 0].sum(1), 0.7, atol=0.01)
    assert (zeros[:, 0] < 0.01).all()
    np.testing.assert_allclose(zeros[:, 1:4], 0.3, atol=0.01)
    assert (zeros[:, 4] < 0.1).all()


def test_a_recurrent_network_stands_in_the_same_table(done: Done) -> None:
    found = done.results("dsd")["translator"]
    assert found.attrs["kind"] == "RNN"
    assert found["error_by_epoch"].shape == (3, 2, 3)
    assert {"dsd-errors", "dsd-weights", "dsd-training-a", "dsd-training-translator"} <= set(done.manifest["figures"])
    for words in ("absolute improvement", "against dense training of as many epochs", "is DSD better?"):
        assert words in done.page


def test_another_study_finds_the_same_trainings(done: Done) -> None:
    folder = Path(done.finished.folder).parent
    before = {path: path.stat().st_mtime_ns for path in folder.glob("nets/*/record.json")}
    again = numbers(study(folder, sparsity=0.5))
    ours, theirs = (run.results("dsd")["a"]["error"].values for run in (done, again))
    np.testing.assert_array_equal(ours[[0, 2, 3]], theirs[[0, 2, 3]])
    after = {path: path.stat().st_mtime_ns for path in folder.glob("nets/*/record.json")}
    assert {path: after[path] for path in before} == before
    assert len(after) - len(before) == 4, "of both seeds the phases under the mask and after it"


def test_phases_restart_the_schedule_and_the_last_has_a_tenth_of_the_rate() -> None:
    first, second, third = phases(TrainSpec(epochs=8, warmup=1, optimizer="adam"), 3, (4, 2))
    assert (first.epochs, second.epochs, third.epochs) == (8, 4, 2)
    assert [spec.seed for spec in (first, second, third)] == [3, 3 + APART, 3 + 2 * APART]
    assert (first.loop().peak, second.loop().peak, third.loop().peak) == (1e-3, 1e-3, pytest.approx(1e-4))
    assert (first.warmup, second.warmup, third.warmup) == (1, 0, 0)


def test_a_gain_is_that_of_the_same_seeds() -> None:
    mean, low, high = gain_over(np.array([0.5, 0.3, 0.1]), np.array([0.49, 0.29, 0.09]))
    assert mean == pytest.approx(0.01)
    assert low == pytest.approx(0.01)
    assert high == pytest.approx(0.01)
    assert [verdict(*bounds) for bounds in ((0.1, 0.2), (-0.1, 0.2), (-2.0, -1.0), (np.nan, np.nan))] == [
        "better", "not decided", "worse", "needs several seeds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nets": ["b"]}, "there is no network 'b'"),
        ({"nets": []}, "steps.dsd.nets: [] names no network; name one, or add translator: {} or captioner: {}."),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        numbers(study(tmp_path, **options))
    assert message in str(refused.value)


def test_a_network_of_the_study_may_not_be_called_as_one_that_writes(tmp_path: Path) -> None:
    taken = small(tmp_path, nets={"translator": {"arch": "lenet"}}, layers=["conv1"],
                  steps=[{"dsd": {"nets": ["translator"], "translator": {}}}])  # fmt: skip
    with pytest.raises(UserError, match=r"steps\.dsd\.translator: a network of the study has that name; call it oth"):
        numbers(taken)


def test_a_phase_of_no_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        study(tmp_path, then=[0, 1])
