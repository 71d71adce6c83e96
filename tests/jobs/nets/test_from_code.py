"""A user's own net runs only where its module is allowed by name, and an edit makes it another net."""

import re
import sys
from pathlib import Path

import pytest
import torch

from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.from_code import code_digest

CODE = """
from torch import nn

def sized(classes, in_shape, hidden=4):
    size = in_shape[0] * in_shape[1] * in_shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, classes))

def plain():
    return nn.Conv2d(1, 2, 3)

def not_a_net():
    return 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an importable module with three callables."""
    (tmp_path / "nets_of_mine.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nets_of_mine", raising=False)
    return "nets_of_mine"


def test_callables_get_the_arguments_they_name(module: str) -> None:
    net = build(f"{module}:sized", (1, 4, 5), 3, {"hidden": 6}, allow_code=(module,))
    assert [tuple(p.shape) for p in net.parameters()] == [(6, 20), (6,), (3, 6), (3,)]
    assert build(f"{module}:plain", (1, 4, 5), 3, allow_code=(module,))(torch.zeros(1, 1, 4, 5)).shape == (1, 2, 2, 3)


@pytest.mark.parametrize(
    ("name", "allowed", "message"),
    [
        ("nets_of_mine:sized", "nets_of", "allow it with `--allow-code nets_of_mine`"),
        ("nets_of_mine:sizd", "nets_of_mine", "no callable 'sizd'; did you mean 'sized'?"),
        ("nets_of_mine:not_a_net", "nets_of_mine", "gave a int, expected a torch.nn.Module"),
        ("nets_of_nobody:net", "nets_of_nobody", "put its folder on PYTHONPATH"),
    ],
)
def test_refusals(module: str, name: str, allowed: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        build(name, (1, 4, 5), 3, allow_code=(allowed,))


def test_unknown_options_are_the_users_error(module: str) -> None:
    with pytest.raises(UserError, match=r"refuses \{'hiden': 6\}"):
        build(f"{module}:sized", (1, 4, 5), 3, {"hiden": 6}, allow_code=(module,))


def test_the_digest_follows_the_file(module: str, tmp_path: Path) -> None:
    first = code_digest(f"{module}:sized", (module,))
    assert first is not None
    assert code_digest("convnet", (module,)) is code_digest(f"{module}:sized", ()) is None
    (tmp_path / "nets_of_mine.py").write_text(CODE + "\n")
    assert code_digest(f"{module}:sized", (module,)) != first
