"""Training in a folder: accurate, bit-identical, found again, resumed after a kill, and refused in one line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.train import Curves, evaluate
from jobs.errors import UserError
from jobs.images.digits import Digits, DigitsOptions
from jobs.images.preprocess import build_preprocess
from jobs.nets import training
from jobs.nets.build import build
from jobs.nets.options import NetSpec
from jobs.nets.record import FINAL, RECORD, TrainingRecord, finished, recipe, recipe_key
from jobs.nets.samples import Samples, decode
from jobs.nets.training import trained
from jobs.nets.weights import load_weights, weights_digest

AUGMENT = [{"RandomCrop": {"size": [8, 8], "padding": 1}}]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The bits and the seconds below are those of one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits() -> tuple[Samples, Samples]:
    """1,437 images to train on, 360 to test with."""
    sources = [Digits(DigitsOptions(split="train")), Digits(DigitsOptions(split="test"))]
    train, test = (decode(source, source.index(), build_preprocess(None)) for source in sources)
    return train, test


def spec(**fields: Any) -> NetSpec:
    """A net that trains in a fraction of a second."""
    train = {"seed": 1, "epochs": 3} | fields
    return NetSpec.model_validate({"arch": "convnet", "options": {"width": 4}, "train": train})


def few(samples: Samples) -> Samples:
    return Samples(samples.images[:200], samples.labels[:200])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_defaults_take_convnet_above_97_percent_on_digits(
    digits: tuple[Samples, Samples], tmp_path: Path, seed: int
) -> None:
    net_spec = NetSpec.model_validate({"arch": "convnet", "train": {"seed": seed}})
    record = trained(net_spec, digits[0], tmp_path, classes=10, test=digits[1])
    assert record.test_accuracy is not None
    assert record.test_accuracy > 0.97
    assert record.seconds < 60


def test_the_folder_holds_weights_checkpoints_curves_and_the_record(
    digits: tuple[Samples, Samples], tmp_path: Path
) -> None:
    seen: list[int] = []
    record = trained(
        spec(checkpoints=[0, 2, 3]),
        few(digits[0]),
        tmp_path,
        classes=10,
        test=digits[1],
        progress=lambda epoch, curves: seen.append(epoch),
    )
    names = ["curves.json", "epoch-0000", "epoch-0002", "epoch-0003", "final", "record.json"]
    assert sorted(path.name.removesuffix(".safetensors") for path in tmp_path.iterdir()) == names
    assert seen == [0, 1, 2, 3]
    net = build("convnet", (1, 8, 8), 10, {"width": 4})
    load_weights(net, tmp_path / FINAL)
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert record.test_accuracy == curves["test_accuracy"][-1] == evaluate(net, *vars(digits[1]).values(), batch=64)[1]
    assert weights_digest(tmp_path / "epoch-0003.safetensors") == record.weights_sha256
    assert TrainingRecord(**json.loads((tmp_path / RECORD).read_text())) == record
    load_weights(net, tmp_path / "epoch-0000.safetensors")
    first = build("convnet", (1, 8, 8), 10, {"width": 4}, seed=1)
    assert torch.equal(net.get_parameter("conv1.weight"), first.get_parameter("conv1.weight"))


def test_the_same_recipe_gives_the_same_file_and_leaves_the_callers_generator(
    digits: tuple[Samples, Samples], tmp_path: Path
) -> None:
    records = []
    for number in (1, 2):
        torch.manual_seed(number)
        before = torch.get_rng_state()
        records.append(trained(spec(augment=AUGMENT), few(digits[0]), tmp_path / str(number), classes=10))
        assert torch.equal(torch.get_rng_state(), before)
    assert records[0].weights_sha256 == records[1].weights_sha256
    assert records[0].key == records[1].key
    plain = trained(spec(), few(digits[0]), tmp_path / "plain", classes=10)
    assert plain.weights_sha256 != records[0].weights_sha256


def test_a_finished_training_is_found_and_not_touched(digits: tuple[Samples, Samples], tmp_path: Path) -> None:
    record = trained(spec(checkpoints=[1]), few(digits[0]), tmp_path, classes=10)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = trained(spec(checkpoints=[1]), few(digits[0]), tmp_path, classes=10, progress=_never)
    assert again == record == finished(tmp_path, record.key)
    assert times == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def _never(epoch: int, curves: Curves) -> None:
    raise AssertionError("trained again")


def test_more_checkpoints_of_a_finished_training_come_from_the_same_bits(
    digits: tuple[Samples, Samples], tmp_path: Path
) -> None:
    record = trained(spec(), few(digits[0]), tmp_path, classes=10)
    more = trained(spec(checkpoints="all"), few(digits[0]), tmp_path, classes=10)
    assert (more.key, more.weights_sha256) == (record.key, record.weights_sha256)
    assert len(list(tmp_path.glob("epoch-*.safetensors"))) == 4
    lied = json.loads((tmp_path / RECORD).read_text()) | {"weights_sha256": "0" * 64}
    with pytest.raises(UserError, match="training again for more checkpoints gives other weights"):
        training._write_final(build("mlp2d", (1, 1, 2), 2), tmp_path, TrainingRecord(**lied))
    assert weights_digest(tmp_path / FINAL) == record.weights_sha256


def test_a_killed_training_goes_on_bit_for_bit(
    digits: tuple[Samples, Samples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    net_spec = spec(augment=AUGMENT, checkpoints="all", optimizer="adam")

    def killed(epoch: int, curves: Curves) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(net_spec, few(digits[0]), tmp_path / "a", classes=10, progress=killed)
    epochs: list[int] = []
    resumed = trained(
        net_spec, few(digits[0]), tmp_path / "a", classes=10, progress=lambda epoch, curves: epochs.append(epoch)
    )
    whole = trained(net_spec, few(digits[0]), tmp_path / "b", classes=10)
    assert epochs == [3]
    assert resumed.weights_sha256 == whole.weights_sha256
    assert (tmp_path / "a/curves.json").read_text() == (tmp_path / "b/curves.json").read_text()
    assert [path.name for path in sorted((tmp_path / "a").iterdir())] == [
        path.name for path in sorted((tmp_path / "b").iterdir())
    ]


def test_another_recipe_does_not_resume_from_the_state(
    digits: tuple[Samples, Samples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    with pytest.raises(AssertionError, match="trained again"):
        trained(spec(), few(digits[0]), tmp_path, classes=10, progress=_never)
    assert (tmp_path / "unfinished.pt").is_file()
    epochs: list[int] = []
    trained(spec(seed=2), few(digits[0]), tmp_path, classes=10, progress=lambda epoch, curves: epochs.append(epoch))
    assert epochs == [0, 1, 2, 3]


def test_the_key_follows_all_that_decides_the_weights() -> None:
    base: dict[str, Any] = {"arch": "convnet", "options": {"width": 4}, "train": {"seed": 1, "epochs": 3}}
    changes: list[dict[str, Any]] = [
        {},
        {"arch": "lenet"},
        {"options": {}},
        {"seed": 9},
        {"train": {"seed": 2, "epochs": 3}},
        {"train": {"seed": 1, "epochs": 4}},
        {"train": {"seed": 1, "epochs": 3, "weight_decay": 0}},
        {"train": {"seed": 1, "epochs": 3, "augment": AUGMENT}},
    ]
    keys = [recipe_key(recipe(NetSpec.model_validate(base | c), (1, 8, 8), 10, "data")) for c in changes]
    keys += [recipe_key(recipe(spec(), *rest)) for rest in [((1, 8, 9), 10, "data"), ((1, 8, 8), 11, "data")]]
    keys.append(recipe_key(recipe(spec(), (1, 8, 8), 10, "other data")))
    assert len(set(keys)) == len(keys)
    same = [spec(checkpoints="all"), spec(learning_rate=0.05), spec(images={"source": "digits", "split": "train"})]
    assert {recipe_key(recipe(s, (1, 8, 8), 10, "data")) for s in same} == {keys[0]}


def test_another_training_or_changed_weights_in_the_folder_are_refused(
    digits: tuple[Samples, Samples], tmp_path: Path
) -> None:
    record = trained(spec(), few(digits[0]), tmp_path, classes=10)
    with pytest.raises(UserError, match=f"holds the training {record.key[:8]}"):
        trained(spec(seed=2), few(digits[0]), tmp_path, classes=10)
    with (tmp_path / FINAL).open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match="changed after training"):
        finished(tmp_path, record.key)


class Pair(nn.Module):
    """Two outputs while it trains, as nets with an auxiliary head."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Any:
        logits = self.fc(x.flatten(1))
        return (logits, logits) if self.training else logits


def pair() -> nn.Module:
    return Pair()


@pytest.mark.parametrize(
    ("net", "classes", "message"),
    [
        ({"train": {"learning_rate": 1e30, "weight_decay": 0}}, 10, "train: convnet diverged, the loss is nan"),
        ({"train": {}}, 9, "labels are 0..9 but convnet has 9 outputs; set classes to 10 or more."),
        ({}, 10, "convnet has no recipe without train"),
        (
            {"arch": f"{__name__}:pair", "train": {}},
            10,
            f"{__name__}:pair cannot be trained, in training mode the net gives tuple; expected logits (N, classes)",
        ),
        ({"arch": "lenet5", "train": {}}, 10, "lenet5 takes images of at least 16x16"),
    ],
)
def test_refusals_are_one_line(
    digits: tuple[Samples, Samples], tmp_path: Path, net: dict[str, Any], classes: int, message: str
) -> None:
    net_spec = NetSpec.model_validate({"arch": "convnet"} | net)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        trained(net_spec, few(digits[0]), tmp_path, classes=classes, allow_code=(__name__,))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / RECORD).exists()
