"""Methods: each maps points to the plane and places others, of one component as of many."""

from functools import partial

import numpy as np
import pytest
import torch

from analysis.embedding import methods
from analysis.embedding.infomax import infomax
from analysis.embedding.methods import METHODS, MethodName, Settings
from analysis.embedding.quality import neighbor_preservation

LINE = (lambda x: x - x.mean(0))(np.random.default_rng(0).normal(size=(90, 1)))


def assert_a_line_is_mapped(name: MethodName, settings: Settings) -> None:
    found = METHODS[name](LINE, settings)
    placed = found.place(LINE[:5] + 0.01)
    assert found.y.shape == (90, 2)
    assert placed.shape == (5, 2)
    assert np.isfinite(found.y).all()
    assert np.isfinite(placed).all()
    assert neighbor_preservation(LINE, found.y, 8) > 0.6


@pytest.mark.parametrize("name", METHODS)
def test_one_component_is_mapped_to_the_plane(name: MethodName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "infomax", partial(infomax, steps=100))
    assert_a_line_is_mapped(name, Settings(perplexity=8, neighbors=8))


def test_the_exact_way_maps_one_component_too() -> None:
    assert_a_line_is_mapped("tsne", Settings(perplexity=8, to_device=torch.from_numpy))
