"""`vitrine compress` and `decompress`: the same bits come back, a study reads the file, and damage is one line."""

import json
from pathlib import Path

import pytest
import torch

from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.weights import load_weights, read_weights, save_weights
from tests.jobs.command import vitrine

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    net = build("convnet", (1, 8, 8), 10, {"width": 4}, (), 1)
    with torch.no_grad():
        weight = net.get_parameter("fc1.weight")
        weight[weight.abs() < weight.abs().median()] = 0
    save_weights(net, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_there_and_back_are_the_same_bytes(weights: Path, capsys: Capture) -> None:
    assert vitrine("compress", weights) == 0
    packed = weights.with_suffix(".vitrine")
    assert "times smaller" in capsys.readouterr().out
    back = weights.with_name("back.safetensors")
    assert vitrine("decompress", packed, back, "--json") == 0
    assert json.loads(capsys.readouterr().out)["compressed_bytes"] == packed.stat().st_size
    assert packed.stat().st_size < weights.stat().st_size
    assert back.read_bytes() == weights.read_bytes()


def test_a_network_loads_a_compressed_file(weights: Path) -> None:
    assert vitrine("compress", weights) == 0
    net = build("convnet", (1, 8, 8), 10, {"width": 4}, (), 2)
    load_weights(net, weights.with_suffix(".vitrine"))
    for name, tensor in read_weights(weights).items():
        assert torch.equal(net.state_dict()[name], tensor)


def test_nothing_is_written_over(weights: Path, capsys: Capture) -> None:
    assert vitrine("compress", weights, weights) == 2
    assert f"{weights} is there already; name another file or remove it." in capsys.readouterr().err
    assert vitrine("compress", weights, weights.parent / "none" / "a.vitrine") == 2
    assert "is no folder" in capsys.readouterr().err


def test_damaged_and_other_files_are_one_line(weights: Path, capsys: Capture) -> None:
    assert vitrine("compress", weights) == 0
    packed = weights.with_suffix(".vitrine")
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(data)
    capsys.readouterr()
    assert vitrine("decompress", packed, weights.with_name("b.safetensors")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is damaged" in said
    assert not weights.with_name("b.safetensors").exists()
    assert vitrine("decompress", weights) == 2
    assert "is no .vitrine file" in capsys.readouterr().err


def test_half_precision_of_another_kind_is_refused(tmp_path: Path) -> None:
    from jobs.commands import compress_weights
    from jobs.nets.weights import save_tensors

    save_tensors({"a": torch.zeros(3, dtype=torch.bfloat16)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="convert its tensors to float32"):
        compress_weights(str(tmp_path / "a.safetensors"), None, False)
