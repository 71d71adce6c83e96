"""Weights survive a round trip; a file that does not fit names what is wrong and changes nothing."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.weights import load_weights, read_weights, save_weights, state_digest, weights_digest


def net(seed: int = 0) -> nn.Module:
    return build("convnet", (1, 8, 8), 10, {"width": 8}, seed=seed)


def state(seed: int = 1) -> dict[str, Tensor]:
    return dict(net(seed).state_dict())


def test_a_round_trip_keeps_every_bit_and_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    one, other = net(1), net(2)
    for name in ("a", "b"):
        save_weights(one, tmp_path / f"{name}.safetensors")
    load_weights(other, tmp_path / "a.safetensors")
    assert state_digest(other) == state_digest(one)
    assert weights_digest(tmp_path / "a.safetensors") == weights_digest(tmp_path / "b.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_the_digest_sees_a_single_bit_a_name_and_a_shape() -> None:
    with torch.no_grad():
        changed = net()
        changed.get_parameter("fc2.bias")[3] += 1e-6
    renamed = nn.Sequential(OrderedDict(a=nn.Linear(2, 3, bias=False)))
    reshaped = nn.Sequential(OrderedDict(a=nn.Linear(3, 2, bias=False)))
    other = nn.Sequential(OrderedDict(b=nn.Linear(2, 3, bias=False)))
    for module in (renamed, reshaped, other):
        nn.init.zeros_(next(module.parameters()))
    assert len({state_digest(x) for x in (net(), changed, renamed, reshaped, other)}) == 5


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "module"])
@pytest.mark.parametrize("suffix", ["pt", "pth", "th"])
def test_torch_files_load_as_they_are_usually_written(tmp_path: Path, wrapped: str, suffix: str) -> None:
    content: Any = state()
    if wrapped == "module":
        content = {f"module.{name}": tensor for name, tensor in content.items()}
    if wrapped != "plain":
        content = {"state_dict": content, "best_prec1": 91.7, "epoch": 3}
    torch.save(content, tmp_path / f"net.{suffix}")
    target = net(0)
    load_weights(target, tmp_path / f"net.{suffix}")
    assert state_digest(target) == state_digest(net(1))


def test_half_precision_is_upcast(tmp_path: Path) -> None:
    half = {name: t.half() if t.is_floating_point() else t for name, t in state().items()}
    save_file(half, tmp_path / "half.safetensors")
    target = net(0)
    load_weights(target, tmp_path / "half.safetensors")
    assert all(parameter.dtype == torch.float32 for parameter in target.parameters())
    assert torch.equal(target.get_parameter("conv1.weight"), half["conv1.weight"].float())


def test_files_without_batch_counts_load(tmp_path: Path) -> None:
    fewer = {name: t for name, t in state().items() if not name.endswith("num_batches_tracked")}
    save_file(fewer, tmp_path / "fewer.safetensors")
    target = net(0)
    load_weights(target, tmp_path / "fewer.safetensors")
    assert state_digest(target) == state_digest(net(1))


@pytest.mark.parametrize(
    ("drop", "add", "message"),
    [
        (["fc2.bias"], {}, "1 missing (fc2.bias)."),
        ([], {"fc3.weight": torch.zeros(2)}, "1 unexpected (fc3.weight)."),
        ([], {"fc2.bias": torch.zeros(7)}, "1 another shape (fc2.bias (7,) instead of (10,))."),
        (
            ["bn1.weight", "bn1.bias", "fc2.weight", "fc2.bias"],
            {"x": torch.zeros(1)},
            "4 missing (bn1.weight, bn1.bias, fc2.weight, ...); 1 unexpected (x).",
        ),
    ],
)
def test_misfits_are_named_and_leave_the_net_alone(
    tmp_path: Path, drop: list[str], add: dict[str, Tensor], message: str
) -> None:
    kept = {name: tensor for name, tensor in state().items() if name not in drop}
    save_file(kept | add, tmp_path / "other.safetensors")
    target = net(0)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_weights(target, tmp_path / "other.safetensors")
    assert "\n" not in str(caught.value)
    assert state_digest(target) == state_digest(net(0))


class Evil:
    """Runs a command when unpickled without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.safetensors", "there is no file"),
        ("evil.pt", "holds more than tensors (it could run code) or is damaged"),
        ("text.safetensors", "not a readable safetensors file"),
        ("cut.pt", "not a readable torch file"),
        ("numbers.pt", "no dictionary of tensors"),
        ("net.h5", "is not one of .safetensors"),
    ],
)
def test_unreadable_files_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"a": Evil()}))
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "net.h5").write_bytes(b"")
    torch.save(state(), tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:3000])
    torch.save({"epoch": 3}, tmp_path / "numbers.pt")
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_weights(net(), tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.shared
@pytest.mark.parametrize("file", ["squeezenet1_1_torchvision_fp16", "squeezenet1_1_onnxzoo_fp32"])
def test_both_public_squeezenets_load(shared_data: Path, file: str) -> None:
    path = shared_data / "nets" / f"{file}.safetensors"
    target = build("torchvision:squeezenet1_1", (3, 224, 224), 1000)
    load_weights(target, path)
    assert torch.equal(target.get_parameter("features.0.weight"), read_weights(path)["features.0.weight"].float())
