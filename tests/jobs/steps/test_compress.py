"""The step compress: stages, files that decode to the networks that were measured, scans, controls, and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis.compression.unpack import from_bytes
from analysis.dynamics.train import evaluate
from jobs.errors import UserError
from jobs.inputs import Inputs
from jobs.nets.options import TrainSpec
from jobs.nets.weights import load_weights
from jobs.report.cells import Measured
from jobs.retraining import training_data
from jobs.steps.compress.options import Setting, of_layers
from jobs.steps.compress.seeds import seeds, seeds_table
from jobs.study import Study
from tests.jobs.plainly import random_convnet
from tests.jobs.small import TRAINED, Done, numbers, ran, small

ONE = {"a": TRAINED}
QUICK = {"retrain": {"epochs": 2, "batch": 16}, "tune": {"epochs": 1, "learning_rate": 0.001}, "scan_bits": [2, 8]}
SETTINGS = [{"kept": {"conv*": 0.5, "*": 0.2}, "rounds": 2, "bits": 4}]


def study(folder: Path, **options: Any) -> Study:
    step = {"compress": {"settings": SETTINGS, "scan": [], **QUICK, **options}}
    return small(folder, nets=ONE, layers=["conv1"], images={"limit": 64, "unit": 64}, steps=[step])


def done(folder: Path, **options: Any) -> Done:
    return numbers(study(folder, **options))


def accuracy(net: nn.Module, folder: Path) -> float:
    """Accuracy on the test split of the digits, plainly."""
    from cluster.folder import Folder

    data = training_data(Inputs(study(folder), Folder(folder)), "a", TrainSpec(), "steps.compress.retrain")
    return evaluate(net, data.test.images, data.test.labels)[1]


def test_the_file_is_the_network_that_was_measured(tmp_path: Path) -> None:
    run = done(tmp_path)
    found = run.results("compress")["a"]
    (file,) = run.blobs.list("compressed")
    state = from_bytes(run.blobs.read(file))
    assert len(run.blobs.read(file)) == int(found["file_bytes"][0])
    net = random_convnet(1, 4).float()
    net.load_state_dict({name: torch.from_numpy(values) for name, values in state.items()})
    assert accuracy(net.eval(), tmp_path) == pytest.approx(float(found["score"][0, 3, 0]), abs=1e-12)
    for layer, kept in (("conv1", 0.5), ("fc1", 0.2)):
        weight = state[f"{layer}.weight"]
        assert (weight != 0).mean() == pytest.approx(kept, abs=0.5 / weight.size)
        assert len(np.unique(weight[weight != 0])) <= 16
        size = found["size"].sel(layer=layer)[0]
        assert int(size.sel(account="kept")) == np.count_nonzero(weight)


def test_scores_are_those_of_each_stage(tmp_path: Path) -> None:
    run = done(tmp_path)
    score = run.results("compress")["a"]["score"][0]
    nets = sorted((tmp_path / "nets").glob("convnet-*/final.safetensors"))
    net = random_convnet(1, 4).float()
    load_weights(net, nets[0])
    expected = accuracy(net.eval(), tmp_path)
    assert float(score.sel(stage="dense", of="test_accuracy")) == pytest.approx(expected, abs=1e-12)
    assert ((score.values[:, [0, 2]] >= 0) & (score.values[:, [0, 2]] <= 1)).all()
    assert len(list((tmp_path / "nets").glob("retrained-*"))) == 3, "two rounds and the tuning"


def test_a_setting_without_pruning_or_sharing_leaves_the_network(tmp_path: Path) -> None:
    run = done(tmp_path, settings=[{"bits": None}])
    found = run.results("compress")["a"]
    assert len(set(found["score"].values[0, :, 0].tolist())) == 1
    assert "bits_accuracy" not in found
    assert not list((tmp_path / "nets").glob("retrained-*"))
    assert int(found["file_bytes"][0]) < int(found["dense_bytes"])


def test_random_masks_are_a_control_of_the_same_shares(tmp_path: Path) -> None:
    settings = [{"kept": 0.3, "mask": mask, "bits": None, "name": mask} for mask in ("magnitude", "random")]
    found = done(tmp_path, settings=settings).results("compress")["a"]
    kept = found["size"].sel(account="kept").values
    np.testing.assert_array_equal(kept[0], kept[1])
    pruned = found["score"].sel(stage="pruned", of="train_loss").values
    assert pruned[0] < pruned[1], "the largest weights are worth more than any"


def test_settings_that_prune_alike_share_their_training(tmp_path: Path) -> None:
    run = done(tmp_path, settings=[{"kept": 0.3, "bits": bits, "rounds": 2} for bits in (2, 5)])
    assert len(list((tmp_path / "nets").glob("retrained-*"))) == 4, "two rounds, and the values of either"
    score = run.results("compress")["a"]["score"]
    np.testing.assert_array_equal(score.sel(stage="pruned")[0], score.sel(stage="pruned")[1])
    assert not np.array_equal(score.sel(stage="shared")[0], score.sel(stage="shared")[1])


def test_the_scan_prunes_one_layer_alone(tmp_path: Path) -> None:
    run = done(tmp_path, scan=[1.0, 0.3], settings=[{"bits": None}])
    found = run.results("compress")["a"]
    assert found["scan"].dims == ("layer", "share")
    dense = float(found["score"].sel(stage="dense", of="test_accuracy")[0])
    np.testing.assert_allclose(found["scan"].values[:, 0], dense)
    net = random_convnet(1, 4).float()
    load_weights(net, next((tmp_path / "nets").glob("convnet-*/final.safetensors")))
    weight = net.get_parameter("fc1.weight").data
    cut = weight.abs().flatten().sort(descending=True).values[round(0.3 * weight.numel()) - 1]
    weight[weight.abs() < cut] = 0
    assert float(found["scan"].sel(layer="fc1", share=0.3)) == pytest.approx(accuracy(net.eval(), tmp_path), abs=1e-12)


def test_scans_may_look_at_fewer_images(tmp_path: Path) -> None:
    run = done(tmp_path, scan=[1.0], scan_images=7, settings=[{"bits": 4}])
    found = run.results("compress")["a"]
    for name in ("scan", "bits_accuracy"):
        right = 7 * found[name].values
        np.testing.assert_allclose(right, right.round(), atol=1e-9, err_msg="sevenths")
    assert len(set(found["scan"].values[:, 0].tolist())) == 1, "all weights kept: the same network, layer by layer"


def test_the_report_shows_the_accounts(tmp_path: Path) -> None:
    run = ran(study(tmp_path, scan=[1.0, 0.5]))
    assert set(run.manifest["figures"]) == {
        "compress-trade_off", "compress-stages", "compress-gap", "compress-a-scan", "compress-a-bits",
        "compress-a-starts",
    }  # fmt: skip
    assert "times smaller" in run.page


def test_seeds_of_an_architecture_are_judged_together(tmp_path: Path) -> None:
    nets = {name: TRAINED | {"train": {"seed": seed, "epochs": 2, "batch": 16}} for seed, name in enumerate("ab", 1)}
    step = {"compress": {"settings": SETTINGS, "scan": [], **QUICK}}
    run = numbers(small(tmp_path, nets=nets, layers=["conv1"], images={"limit": 64, "unit": 64}, steps=[step]))
    (both,) = seeds(run.results("compress"))
    assert both.label == "convnet, mean of 2"
    before, after = both.error("dense")[:, 0], both.error("tuned")[:, 0]
    cell = seeds_table("", [both]).rows[0][6]
    assert isinstance(cell, Measured)
    half = 12.706 * abs(np.diff(after - before)[0]) / 2  # Student's t of one degree of freedom
    assert cell.value == pytest.approx((after - before).mean())
    assert cell.high == pytest.approx(cell.value + half, rel=1e-4)


def test_numbers_of_layers_follow_the_first_pattern() -> None:
    weights = ["conv1.weight", "conv2.weight", "fc.weight"]
    assert of_layers({"conv1": 0.5, "conv*": 0.2}, weights, 1.0) == dict(zip(weights, (0.5, 0.2, 1.0), strict=True))
    assert of_layers(4, weights) == dict.fromkeys(weights, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kept": 0.1, "sensitivity": 1.0}, "kept and sensitivity exclude each other"),
        ({"mask": "random"}, "mask: random needs kept"),
        ({"bits": {"fc*": 5}}, 'bits: a mapping needs "*"'),
        ({"bits": 9}, "less than or equal to 8"),
    ],
)
def test_settings_that_say_two_things_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        Setting(**options)


def test_settings_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two are called '10 % 5 bits'; give one a name of its own"):
        study(tmp_path, settings=[{"kept": 0.1}, {"kept": 0.1, "rounds": 3}])


def test_networks_without_training_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^steps.compress.retrain.images.root: .* does not exist"):
        ran(study(tmp_path, retrain={"images": {"source": "imagefolder", "root": str(tmp_path / "none")}}))
    assert not list((tmp_path / "nets").glob("*")), "refused before anything was trained"
