"""Where trainings lie: the run's own folder, or a copy of one in a bucket that keeps what an unfinished one leaves."""

from pathlib import Path

import pytest
import torch

from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.train import Curves
from cluster.blobs import open_blobs
from cluster.folder import Folder
from jobs.folders import local_folder
from jobs.nets.options import NetSpec, TrainSpec
from jobs.nets.record import TrainingRecord, finished
from jobs.nets.samples import Samples
from jobs.nets.training import trained

SPEC = NetSpec(arch="lenet", options={"fc1": 8}, train=TrainSpec(epochs=3, batch=32, checkpoints=[1, 2]))


class KilledError(Exception):
    """In place of a kill, which no code outlives."""


def samples() -> Samples:
    generator = torch.Generator().manual_seed(0)
    return Samples(torch.rand(64, 1, 8, 8, generator=generator), torch.randint(10, (64,), generator=generator))


def train_in(url: str, name: str, met: list[int], last: int = TrainOptions.epochs) -> TrainingRecord:
    """`met` gathers the epochs; after `last` of them the process is as good as killed."""

    def note(epoch: int, _curves: Curves) -> None:
        met.append(epoch)
        if epoch == last:
            raise KilledError

    with local_folder(open_blobs(url), name) as (folder, keep):
        return trained(SPEC, samples(), folder, classes=10, progress=note, keep=keep)


def test_a_training_in_a_bucket_goes_on_where_another_machine_was_killed(
    bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.nets.training.SAVE_SECONDS", 0.0)
    whole = train_in(bucket_url, "nets/whole", [])
    first, second = list[int](), list[int]()
    with pytest.raises(KilledError):
        train_in(bucket_url, "nets/killed", first, last=2)
    bucket = open_blobs(bucket_url)
    assert "nets/whole/unfinished.pt" not in bucket.list("nets/whole"), "of a call that began with nothing, too"
    kept = ["nets/killed/epoch-0001.safetensors", "nets/killed/epoch-0002.safetensors", "nets/killed/unfinished.pt"]
    assert list(bucket.list("nets/killed")) == kept
    record = train_in(bucket_url, "nets/killed", second)
    assert (first, second) == ([0, 1, 2], [3])
    assert record.weights_sha256 == whole.weights_sha256
    assert "nets/killed/unfinished.pt" not in bucket.list("nets/killed")
    with local_folder(bucket, "nets/killed") as (folder, _):
        assert finished(folder, record.key) == record


def test_a_run_s_own_folder_is_used_as_it_is(tmp_path: Path) -> None:
    with local_folder(Folder(tmp_path), "nets/a") as (folder, keep):
        folder.mkdir(parents=True)
        (folder / "x").write_text("x")
        keep(folder / "x")
    assert (tmp_path / "nets" / "a" / "x").read_text() == "x"
