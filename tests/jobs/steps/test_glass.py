"""The step glass: its pairs are what two networks trained plainly give, its coolings too; refusals; the same on Ray."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.dynamics.channel_alignment import hidden_layers, reordered, weight_cosine
from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.straight_line import barrier
from analysis.dynamics.train import evaluate, train
from cluster.errors import Refused
from cluster.folder import Folder
from jobs.errors import UserError
from jobs.inputs import Inputs
from jobs.nets.build import build
from jobs.nets.options import StepTrainSpec, TrainSpec
from jobs.retraining import training_data
from jobs.steps.glass.datasets import agreement
from jobs.steps.glass.options import CoolingOptions, GlassOptions
from jobs.steps.glass.pairs import pair
from jobs.study import Study
from tests.jobs.small import Done, numbers, ran, small

NETS = {"a": {"arch": "convnet", "options": {"width": 3}}}
COOLING = {"hot": 0.05, "cold": 0.005, "temperatures": 3, "dwells": [1, 2], "hold": 1, "seeds": 2,
           "train": {"batch": 256}}  # fmt: skip


def study(folder: Path, nets: dict[str, Any] = NETS, executor: str = "serial", **options: Any) -> Study:
    step = {"glass": {"seeds": 3, "train": {"epochs": 1, "batch": 128, "seed": 4}, "images": 100, "points": 3,
                      **options}}  # fmt: skip
    return small(folder, nets=nets, layers=["conv1"], steps=[step], resources={"executor": executor})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return ran(study(tmp_path_factory.mktemp("runs"), pairs=2, cooling=COOLING))


def test_pairs_are_what_two_plain_trainings_give(done: Done, tmp_path: Path) -> None:
    data = training_data(Inputs(study(tmp_path), Folder(tmp_path)), "a", TrainSpec(), "train")
    nets = []
    for seed in (4, 5):
        net = build("convnet", (1, 8, 8), 10, {"width": 3}, (), seed)
        train(net, data.train.images, data.train.labels, TrainOptions(epochs=1, batch=128, seed=seed))
        nets.append(net)
    trained, pairs = done.results("population")["a"], done.results("glass")["a--pairs"]
    test = data.test.images, data.test.labels
    np.testing.assert_allclose(trained["loss"].values[:2], [evaluate(net, *test)[0] for net in nets], rtol=1e-5)
    assert pairs["seeds"].values.tolist() == [[4, 5], [5, 6]]
    assert pairs["cosine"].values[0, 0, 0] == pytest.approx(weight_cosine(*nets), abs=1e-6)


def test_alignment_leaves_the_ends_of_the_line_where_they_are(done: Done) -> None:
    found = done.results("glass")["a--pairs"]
    assert found["loss"].shape == (2, 2, 3)
    np.testing.assert_allclose(
        found["loss"].values[:, 0, 0], found["loss"].values[:, 1, 0], rtol=1e-4, err_msg="the same end"
    )
    np.testing.assert_allclose(found["loss"].values[:, 0, 2], found["loss"].values[:, 1, 2], rtol=1e-4)


def test_a_network_meets_its_shuffled_copy_after_alignment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = training_data(Inputs(study(tmp_path), Folder(tmp_path)), "a", TrainSpec(), "train")
    net = build("convnet", (1, 8, 8), 10, {"width": 6}, (), 1)
    train(net, data.train.images, data.train.labels, TrainOptions(epochs=2, batch=128))
    orders = {layer.made_by: np.roll(np.arange(len(net.get_submodule(layer.made_by).get_parameter("weight"))), 1)
              for layer in hidden_layers(net)}  # fmt: skip
    nets = {1: net, 2: reordered(net, orders)}
    monkeypatch.setattr("jobs.steps.glass.pairs.member", lambda _subject, seed, _views: SimpleNamespace(net=nets[seed]))
    subject: Any = SimpleNamespace(data=data, start=lambda seed: nets[seed])
    found = pair(subject, 1, 2, GlassOptions(seeds=2, points=3, images=400), None)  # type: ignore[arg-type]
    assert (found["cosine"][:, 1] > 0.9).all(), "constant channels match nothing"
    assert (found["cosine"][:, 0] < 0.6).all()
    as_they_are, aligned = found["line"][..., 0]
    assert barrier(aligned, found["share"]) == pytest.approx(0.0, abs=1e-3)
    assert barrier(as_they_are, found["share"]) > 0.1


def test_every_rate_of_cooling_is_there_with_its_control(done: Done) -> None:
    found = done.results("glass")["a--cooling"]
    assert found["epochs"].values.tolist() == [4, 7, 7], "the control ends with the slowest"
    assert found["dwell"].values.tolist() == [1, 2, 1]
    assert found["hold"].values.tolist() == [1, 1, 4]
    assert found["overlap"].shape == (3, 2, 3)
    moved = found["mobility"].values
    assert moved.shape == (3, 2, 3, 2), "over one epoch and two"
    assert (np.diff(moved[..., 0].mean(1), axis=1) < 0).all(), "colder is slower"
    assert np.isnan(moved[[0, 2], ..., 1]).all(), "one epoch at each temperature"
    assert np.isfinite(found["fluctuation"].values).all()
    assert {"glass-a", "glass-a-cooling"} <= set(done.manifest["figures"])
    assert "LeNet-5, published" not in done.page, "another network"
    for words in ("Cooling of a", "slowest less control"):
        assert words in done.page


@pytest.mark.slow
def test_ray_gives_the_same_bits(done: Done, ray_session: None, tmp_path: Path) -> None:
    ray = numbers(study(tmp_path, executor="ray", pairs=2, cooling=COOLING))
    ours, theirs = ({**run.results("glass"), **run.results("population")} for run in (done, ray))
    for name, found in ours.items():
        for variable in set(found.data_vars) - {"seconds"}:
            np.testing.assert_array_equal(found[variable].values, theirs[name][variable].values)


def test_agreement_against_counting() -> None:
    said, label = np.array([[0, 1, 1, 2], [0, 1, 2, 0], [0, 1, 1, 2]]), np.array([0, 1, 1, 1])
    found = agreement(said, label)
    np.testing.assert_allclose(found[:, 0], [0.5, 1.0, 0.5])
    np.testing.assert_allclose(found[:, 2], [0.5, 1.0, 0.5])
    np.testing.assert_allclose(found[1, 1], 0.75**2 + 0.25**2 / 2)


def test_pairs_take_every_network_once_before_any_twice() -> None:
    options = GlassOptions(seeds=5, train=StepTrainSpec(seed=2))
    assert options.chosen_pairs() == [(2, 3), (4, 5)]
    more = GlassOptions(seeds=4, pairs=6).chosen_pairs()
    assert more[:2] == [(0, 1), (2, 3)]
    assert len(set(more)) == 6


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no network 'b'"):
        numbers(small(tmp_path, nets=NETS, layers=["conv1"], steps=[{"glass": {"nets": ["b"]}}]))
    with pytest.raises(UserError, match=r"steps\.glass\.align: a: channels of a .* cannot be put in order; give a seq"):
        numbers(study(tmp_path, nets={"a": {"arch": "resnet8"}}))
    hot = {**COOLING, "hot": 1e30}
    with pytest.raises(
        Refused, match=r"cooling\.train: a from seed 0 diverged .*; lower steps\.glass\.cooling\.hot\.$"
    ):
        numbers(study(tmp_path, cooling=hot))
    with pytest.raises(ValueError, match=r"pairs: 9 of 3 seeds cannot be; at most 3, or raise seeds"):
        GlassOptions(seeds=3, pairs=9)
    with pytest.raises(ValueError, match=r"cold: 0\.2 is not below hot, 0\.1; lower it"):
        CoolingOptions(cold=0.2)
