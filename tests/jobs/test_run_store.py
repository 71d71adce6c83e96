"""Statistics read again from the store: close to those of the forward pass, never mixed with them, resumable."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cluster.errors import Damaged, MissingRows
from cluster.ledger import Ledger
from cluster.stop import Drained
from cluster.store import ActivationStore
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import UNITS, Done, Watching, numbers, one_bad_of_twelve, ran, small

LAYERS = ["conv1", "conv3"]
FROM_STORE = {"store": ["*"], "statistics": []}
NUMBERS = ("rho", "rho_a", "rho_b", "rho_permuted", "mean_a", "std_b")
CLOSE = {"float16": 5e-4, "float32": 2e-5}
"""Sums of float32 products round to 1e-6; a mean of four deviations, which needs no pivot yet, makes 16 times that."""


@pytest.fixture(scope="module")
def forward(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Statistics of the forward pass."""
    return numbers(small(tmp_path_factory.mktemp("runs"), layers=LAYERS))


@pytest.fixture(scope="module", params=["float16", "float32"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, str]:
    """Statistics read from a store of that dtype."""
    extract = {**FROM_STORE, "dtype": request.param}
    return numbers(small(tmp_path_factory.mktemp("runs"), layers=LAYERS, extract=extract)), request.param


def differences(one: dict[str, xr.Dataset], other: dict[str, xr.Dataset]) -> float:
    return max(
        float(np.abs(one[layer][name].values - other[layer][name].values).max()) for layer in LAYERS for name in NUMBERS
    )


def test_correlations_are_those_of_the_forward_pass(forward: Done, stored: tuple[Done, str]) -> None:
    run, dtype = stored
    found = differences(run.results(), forward.results())
    assert 0 < found < CLOSE[dtype]


def test_the_store_holds_what_the_networks_gave(stored: tuple[Done, str]) -> None:
    run, dtype = stored
    store = ActivationStore.open(run.blobs)
    ledger = Ledger(run.blobs, run.manifest["store_ledger"], UNITS)
    images, _ = digits(digit_rows(run.blobs))
    for layer in LAYERS:
        rows = store.read(f"b/{layer}", 0, 300, ledger)
        assert rows.dtype == dtype
        expected = maps(random_convnet(2), images, layer)
        assert np.abs(rows - expected).max() < {"float16": 2e-3, "float32": 1e-5}[dtype]


def test_the_store_is_written_before_it_is_read(stored: tuple[Done, str]) -> None:
    labels = [label for label, _ in stored[0].watching.events]
    assert stored[0].watching.done() == {"images": UNITS, "reading the store": UNITS}
    assert labels.index("reading the store") > len(labels) - 1 - labels[::-1].index("images")


def test_both_sources_lie_side_by_side(tmp_path: Path) -> None:
    found, folders = [], set()
    choices: tuple[list[str] | None, ...] = ([], None, [])
    for statistics in choices:
        run = numbers(small(tmp_path, layers=["conv1"], extract={"store": ["*"], "statistics": statistics}))
        found.append((run.manifest["steps"][-1], run.results()["conv1"]["rho"].values, run.watching.done()))
        folders.add(run.finished.folder)
    assert len(folders) == 1
    assert [done for _, _, done in found] == [
        {"images": UNITS, "reading the store": UNITS},
        {"images": UNITS},
        {},
    ]
    assert found[0][0] != found[1][0]
    assert not np.array_equal(found[0][1], found[1][1])
    assert found[2][0] == found[0][0]
    np.testing.assert_array_equal(found[2][1], found[0][1])


def test_one_layer_summed_and_one_read(tmp_path: Path) -> None:
    steps = [{"correlate": {"pairs": [["fc1", "fc1"]]}}, {"correlate": {"pairs": [["conv1", "conv1"]]}}]
    extract = {"store": ["fc1"], "statistics": ["conv1"]}
    run = numbers(small(tmp_path, extract=extract, steps=steps))
    assert run.manifest["stored"] == ["a/fc1", "b/fc1"]
    assert run.watching.done() == {"images": UNITS, "reading the store": UNITS}


def test_a_stop_between_the_passes(tmp_path: Path, stored: tuple[Done, str]) -> None:
    run, dtype = stored
    study = small(tmp_path, layers=LAYERS, extract={**FROM_STORE, "dtype": dtype})
    stopped = Watching(stop_at="reading the store")
    with pytest.raises(Drained, match="stopped with 3 of 3 units left"):
        numbers(study, watching=stopped)
    assert stopped.done() == {"images": UNITS}
    resumed = numbers(study)
    assert resumed.watching.done() == {"reading the store": UNITS}
    assert resumed.bits() == run.bits()


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_damaged_shard_is_never_read_as_zeros(tmp_path: Path, damage: str) -> None:
    study = small(tmp_path, layers=["fc1"], extract=FROM_STORE, resources={"retries": 0})
    with pytest.raises(Drained):
        numbers(study, watching=Watching(stop_at="reading the store"))
    (shard, *_) = sorted(tmp_path.glob("small-*/activations/b/fc1/c/*/*/*/*"))
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(Exception, match=r"b/fc1|decoded") as found:
        numbers(study)
    assert type(found.value).__name__ in (Damaged.__name__, MissingRows.__name__, "FailedError", "ClusterError")


def test_bad_images_stay_bad_in_the_store(tmp_path: Path) -> None:
    folder = one_bad_of_twelve(tmp_path / "images")
    images = {
        "source": "imagefolder", "root": str(folder.parent), "mode": "L", "unit": 4, "batch": 4, "limit": None,
        "max_bad": 0.1,
    }  # fmt: skip
    # The reading step stands first: its records name no bad image.
    extract = {**FROM_STORE, "dtype": "float32"}
    read = ran(small(tmp_path, images=images, layers=["conv1"], extract=extract, steps=["correlate", "evaluate"]))
    summed = ran(small(tmp_path, name="summed", images=images, layers=["conv1"]))
    assert int(read.results()["conv1"]["samples"]) == 11 * 64
    np.testing.assert_allclose(read.results()["conv1"]["rho"], summed.results()["conv1"]["rho"], atol=CLOSE["float32"])
    assert "1 of 12 images could not be decoded" in read.page
