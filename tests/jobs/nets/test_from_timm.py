"""timm is an extra: without it the error says how to install it, with it any of its nets can be built."""

import sys

import pytest
import torch
from PIL import Image

from jobs.errors import UserError
from jobs.nets.build import build, default_preprocess, output_classes
from jobs.nets.options import NetSpec


def test_without_timm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"pip install vitrine\[timm\]"):
        build("timm:resnet18", (3, 64, 64), 10)


def test_with_timm_nets_and_their_preprocessing_come_from_it() -> None:
    pytest.importorskip("timm")
    net = build("timm:resnet10t", (1, 64, 64), 7)
    assert net(torch.zeros(2, 1, 64, 64)).shape == (2, 7)
    preprocess = default_preprocess("timm:resnet10t")
    assert preprocess is not None
    assert preprocess(Image.new("RGB", (300, 200))).shape == (3, 176, 176)
    assert output_classes(NetSpec(arch="timm:resnet10t"), 7) == 1000
    with pytest.raises(UserError, match="timm has no net 'resnet10'"):
        build("timm:resnet10", (3, 64, 64), 7)
    with pytest.raises(UserError, match=r"refuses \{'colour': 1\}"):
        build("timm:resnet10t", (3, 64, 64), 7, {"colour": 1})
