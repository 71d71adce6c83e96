"""Heads over one image: a tile for each, in rows by block, over the image, its largest share under it."""

from pathlib import Path

import numpy as np
import pytest

from jobs.figures.heads import Looking, head_grid
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

RNG = np.random.default_rng(8)


def looking(blocks: int, heads: int, side: int = 32, color: int = 3) -> Looking:
    attention = RNG.dirichlet(np.ones(16), (blocks, heads)).reshape(blocks, heads, 4, 4)
    return Looking(RNG.uniform(0, 1, (side, side, color)), "golden retriever: 0.97", attention)


@pytest.mark.parametrize(
    ("blocks", "heads", "side", "color"), [(1, 1, 8, 1), (2, 4, 8, 1), (2, 12, 96, 3), (1, 16, 32, 3)]
)
def test_every_head_has_its_tile(blocks: int, heads: int, side: int, color: int) -> None:
    given = looking(blocks, heads, side, color)
    figure = head_grid(given)
    assert_printable(figure)
    image, *tiles = pictures(figure)
    np.testing.assert_array_equal(np.asarray(image.get_array()), np.squeeze(given.picture))
    places = []
    for number, (under, over) in enumerate(zip(tiles[::2], tiles[1::2], strict=True)):
        block, head = divmod(number, heads)
        np.testing.assert_allclose(np.asarray(under.get_array()), given.picture.mean(-1))
        np.testing.assert_array_equal(np.asarray(over.get_array()), given.attention[block, head])
        assert over.norm.vmax == given.attention[block, head].max()
        assert over.get_alpha() == 0.5
        assert under.get_extent() == over.get_extent()
        places.append((round(-under.axes.get_position().y0, 6), round(under.axes.get_position().x0, 6)))
    assert places == sorted(places), "rows from the top, columns from the left"
    assert len({y for y, _ in places}) == blocks
    said = words(figure)
    for one in given.attention.reshape(-1, 16):
        assert f"{100 * one.max():.2g}" in said


def test_the_same_drawing_has_the_same_bytes(tmp_path: Path) -> None:
    given = looking(2, 3)
    assert_same_bytes(lambda: head_grid(given), tmp_path)


def test_no_heads_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the shape \(0, 4, 2, 2\); give at least one block and one head"):
        head_grid(Looking(np.zeros((8, 8, 1)), "", np.zeros((0, 4, 2, 2))))
