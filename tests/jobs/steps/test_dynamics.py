"""Learning dynamics of a whole run, trained or from files, against CCA of the very weights; order and intervals too."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from torch import nn

from jobs.nets.build import build
from jobs.nets.weights import load_weights, save_weights
from jobs.steps.dynamics.datasets import by_architecture, converged, over_seeds, rank_correlation
from jobs.steps.mean_interval import mean_interval
from tests.jobs.plainly import digit_rows, digits
from tests.jobs.small import Done, numbers, ran, small
from tests.jobs.steps import naive
from tests.jobs.steps.plain_layers import hooked, nth, samples

LAYERS = ["input", "conv2", "bn2", "conv3", "fc1"]
OPTIONS = {"width": 4}
STEPS: list[Any] = [{"dynamics": {"measure": "cca"}}, {"dynamics": {"nets": ["c"], "panes": [100.0]}}]
ROUNDING = 2e-6
BLACK = [{"Normalize": {"mean": [0.0], "std": [1e30]}}]


def net(seed: int) -> dict[str, Any]:
    train = {"seed": seed, "epochs": 1, "batch": 64, "checkpoints": [0, 1]}
    return {"arch": "convnet", "train": train, "options": OPTIONS}


def study(runs: Path, nets: dict[str, Any], **changes: Any) -> Any:
    return small(runs, **{"nets": nets, "layers": LAYERS, "extract": {"positions": "mean"}, "steps": STEPS, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two seeds, each before and after its only epoch."""
    return ran(study(tmp_path_factory.mktemp("runs"), {"a": net(1), "c": net(2)}))


def weights(run: Done, name: str) -> dict[int, Path]:
    """The checkpoints of a network of the run by epoch; the last is its end."""
    nets = json.loads(run.blobs.read("plan.json"))["nets"]
    root = Path(run.finished.folder).parent
    return {epoch: root / nets[f"{name}@{epoch}"]["weights"] for epoch in (0, 1)}


def loaded(path: Path) -> nn.Module:
    found = build("convnet", (1, 8, 8), 10, OPTIONS)
    load_weights(found, path)
    return found.eval()


def pooled(run: Done, path: Path) -> dict[str, np.ndarray]:
    """Means of the maps of every layer."""
    images, built = digits(digit_rows(run.blobs))[0], loaded(path)
    found = {layer: hooked(built, images, layer) for layer in LAYERS if layer != "input"}
    return {layer: samples(maps, "mean") for layer, maps in ({"input": images} | found).items()}


@pytest.mark.parametrize("name", ["a", "c"])
def test_every_cell_is_the_cca_of_its_layers(trained: Done, name: str) -> None:
    found = nth(trained, "dynamics")[name]["similarity"]
    plain = {time: pooled(trained, path) for time, path in weights(trained, name).items()}
    assert found["time"].values.tolist() == [0, 1]
    assert found["layer_then"].values.tolist() == found["layer_end"].values.tolist() == LAYERS
    for time, then in ((time, then) for time in (0, 1) for then in LAYERS):
        for end in LAYERS:
            expected = naive.cca(plain[time][then], plain[1][end])
            value, low, high, floor = found.sel(time=time, layer_then=then, layer_end=end).values
            assert value == pytest.approx(expected, abs=ROUNDING), (time, then, end)
            assert low - ROUNDING <= value <= high + ROUNDING
            assert floor < value


@pytest.mark.parametrize("name", ["a", "c"])
def test_what_stays_and_what_arrives(trained: Done, name: str) -> None:
    found = nth(trained, "dynamics")[name]["similarity"].sel(estimate="value")
    np.testing.assert_allclose(found.sel(layer_then="input", layer_end="input"), 1, atol=ROUNDING)
    np.testing.assert_allclose(np.diagonal(found.sel(time=1)), 1, atol=ROUNDING)
    for then, end in (("conv2", "bn2"), ("bn2", "conv2")):
        assert float(found.sel(time=1, layer_then=then, layer_end=end)) == pytest.approx(1, abs=ROUNDING)
    assert float(found.sel(time=0, layer_then="fc1", layer_end="fc1")) < 0.99


def test_files_give_what_training_gave(trained: Done, tmp_path: Path) -> None:
    """The numbers of checkpoints need be no epochs."""
    paths = weights(trained, "a")
    spec = {"arch": "convnet", "options": OPTIONS, "weights": str(paths[1])}
    run = numbers(
        study(tmp_path, {"a": {**spec, "checkpoints": {7: str(paths[1]), 2: str(paths[0])}}}, steps=STEPS[:1])
    )
    ours, theirs = (nth(one, "dynamics")["a"] for one in (run, trained))
    assert ours["time"].values.tolist() == [2, 7]
    for name in ("similarity", "kept", "samples"):
        np.testing.assert_array_equal(ours[name].values, theirs[name].values)
    np.testing.assert_allclose(ours["converged"].values, 2 + 5 * theirs["converged"].values, rtol=1e-12)
    np.testing.assert_allclose(ours["rank_correlation"], theirs["rank_correlation"], rtol=1e-12)


def test_the_order_of_a_run_is_that_of_its_curves(trained: Done) -> None:
    found = nth(trained, "dynamics")
    each = []
    for name in ("a", "c"):
        own = np.diagonal(found[name]["similarity"].sel(estimate="value").values, axis1=1, axis2=2)
        wanted = 0.9 * own[1]
        expected = np.where(own[0] >= wanted, 0, (wanted - own[0]) / (own[1] - own[0] + (own[0] >= wanted)))
        np.testing.assert_allclose(found[name]["converged"].values, expected, atol=1e-9)
        each.append(float(found[name]["rank_correlation"]))
        assert each[-1] == pytest.approx(scipy.stats.spearmanr(np.arange(4), expected[1:]).statistic)
    together = found["over seeds"]
    expected = np.array([np.mean(each), *mean_interval(np.array(each))])
    np.testing.assert_allclose(together["rank_correlation"].sel(arch="convnet"), expected)
    assert together["seeds"].values.tolist() == [2]
    alone = nth(trained, "dynamics", 1)
    assert set(alone) == {"c", "over seeds"}
    assert np.isnan(alone["over seeds"]["rank_correlation"].values[0, 1:]).all()


def test_the_report_shows_the_panes(trained: Done) -> None:
    key = trained.manifest["steps"][-1].rpartition("-")[2]
    assert trained.manifest["figures"] == [
        "dynamics-panes", "dynamics-convergence-a", f"dynamics_panes-{key}", "dynamics-convergence-c",
    ]  # fmt: skip
    with np.load(io.BytesIO(trained.blobs.read("figures/dynamics-panes.npz"))) as held:
        found = nth(trained, "dynamics")["a"]["similarity"].sel(estimate="value")
        assert set(held) == {"a/0", "a/1", "a/layers"}
        np.testing.assert_array_equal(held["a/0"], found.sel(time=0).values)
        np.testing.assert_array_equal(held["a/1"], found.sel(time=1).values)
    for text in ("Is convergence bottom-up?", "Convergence of convnet", "../figures/dynamics-panes.svg"):
        assert text in trained.page
    assert "is not the end of training" not in trained.page


def files(folder: Path, **seeds: int) -> dict[str, Any]:
    """A network from files of random weights: the end, and checkpoints by number."""
    for name, seed in seeds.items():
        save_weights(build("convnet", (1, 8, 8), 10, OPTIONS, (), seed), folder / f"{name}.safetensors")
    numbered = {int(name[2:]): str(folder / f"{name}.safetensors") for name in seeds if name != "end"}
    return {"arch": "convnet", "options": OPTIONS, "weights": str(folder / "end.safetensors"), "checkpoints": numbered}


def test_weights_before_training_alone(tmp_path: Path) -> None:
    run = ran(study(tmp_path, {"a": files(tmp_path, end=1, at0=2)}, steps=STEPS[:1]))
    assert run.manifest["figures"] == ["dynamics-panes", "dynamics-convergence-a"]
    assert "a: its last checkpoint (0) is not the end of training; keep the last epoch among" in run.page
    assert np.isnan(float(nth(run, "dynamics")["a"]["rank_correlation"])), "all are reached at one time"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"images": {"preprocess": BLACK}}, "a: 2 of 2 layers have no value (first conv2): a layer without a varying"),
        ({"images": {"limit": 10}, "layers": ["fc1"]}, "a: 1 of 1 cells have fewer than 10 samples a direction (least"),
    ],
    ids=["dead", "few"],
)
def test_no_values_are_told(tmp_path: Path, changes: dict[str, Any], note: str) -> None:
    nets = {"a": files(tmp_path, end=1, at5=1)}
    run = ran(study(tmp_path, nets, **{"steps": STEPS[:1], "layers": ["conv2", "fc1"], **changes}))
    assert np.isnan(nth(run, "dynamics")["a"]["similarity"].values[..., :3]).all()
    assert run.manifest["figures"] == ["dynamics-panes"]
    assert note in run.page


def test_networks_of_one_architecture_may_have_other_layers(tmp_path: Path) -> None:
    nets = {"a": files(tmp_path, end=1, at0=2), "c": files(tmp_path, end=1, at0=2)}
    run = ran(study(tmp_path, nets, steps=STEPS[:1], layers={"a": ["conv3"], "c": ["conv3", "fc1"]}))
    assert nth(run, "dynamics")["a"]["converged"].shape == (1,)
    table = run.page.partition("Convergence of convnet")[2].partition("</table>")[0]
    assert re.findall(r">(conv3|fc1)<", table) == ["conv3", "fc1"]


@pytest.mark.parametrize("fourier", [False, 2])
def test_layers_of_different_size_need_frequencies(tmp_path: Path, fourier: Any) -> None:
    step = {"dynamics": {"fourier": fourier, "threshold": 0.5}}
    nets = {"a": files(tmp_path, end=1, at0=2, at4=1)}
    run = numbers(study(tmp_path, nets, steps=[step], layers=["conv2", "conv3"], extract={}))
    found = nth(run, "dynamics")["a"]["similarity"].sel(estimate="value")
    assert np.isnan(found.sel(layer_then="conv2", layer_end="conv3")).all() == (fourier is False)
    np.testing.assert_allclose(np.diagonal(found.sel(time=4)), 1, atol=ROUNDING)


def test_convergence_is_linear_between_checkpoints() -> None:
    """Worked by hand: 0.9 of 0.8, 1.0, 1.0 and 0.5 are 0.72, 0.9, 0.9 and 0.45."""
    times = np.array([0, 2, 6, 10])
    own = np.array([[0.0, 0.95, 0.5, 0.2], [0.36, 0.8, 0.8, 0.4], [0.76, 0.9, 1.0, 0.5], [0.8, 1.0, 1.0, np.nan]])
    reached = converged(times, own, 0.9)
    np.testing.assert_allclose(reached[:3], [2 + 4 * 0.36 / 0.4, 0, 2 + 4 * 0.1 / 0.2])
    assert np.isnan(reached[3]), "a layer without a value at some time"


def test_rank_correlation_is_scipys() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        depth, reached = np.arange(9), generator.integers(0, 5, 9).astype(float)
        assert rank_correlation(depth, reached) == pytest.approx(scipy.stats.spearmanr(depth, reached).statistic)
        reached[3] = np.nan
        rest = np.delete(depth, 3)
        expected = scipy.stats.spearmanr(rest, reached[rest]).statistic
        assert rank_correlation(depth, reached) == pytest.approx(expected)
    assert rank_correlation(np.arange(3), np.array([1.0, 2.0, 3.0])) == pytest.approx(1)
    assert np.isnan(rank_correlation(np.arange(3), np.full(3, 2.0)))
    assert np.isnan(rank_correlation(np.arange(3), np.array([np.nan, 2.0, np.nan])))


def test_intervals_over_seeds_are_students() -> None:
    values = {"a": 0.3, "b": 0.4, "c": 0.5, "d": -0.2}
    archs = {"a": "convnet", "b": "convnet", "c": "convnet", "d": "resnet8"}
    found = {
        name: xr.Dataset({"rank_correlation": ((), value)}, attrs={"arch": archs[name]})
        for name, value in values.items()
    }
    assert by_architecture({**found, "over seeds": xr.Dataset()}) == {"convnet": ["a", "b", "c"], "resnet8": ["d"]}
    together = over_seeds(SimpleNamespace(), found)["rank_correlation"]  # type: ignore[arg-type]
    sample = [0.3, 0.4, 0.5]
    interval = scipy.stats.t.interval(0.95, 2, np.mean(sample), scipy.stats.sem(sample))
    np.testing.assert_allclose(together.sel(arch="convnet"), [np.mean(sample), *interval])
    np.testing.assert_array_equal(together.sel(arch="resnet8"), [-0.2, np.nan, np.nan])
    assert np.isnan(mean_interval(np.array([0.5]))).all()
    high = {name: found["a"].assign(rank_correlation=value) for name, value in (("a", 0.5), ("b", 0.7), ("c", 0.9))}
    beyond = over_seeds(SimpleNamespace(), high)["rank_correlation"]  # type: ignore[arg-type]
    assert beyond.sel(arch="convnet", estimate="high") == 1, "no correlation is above 1"
