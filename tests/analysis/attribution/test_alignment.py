"""Links and maps against references counted by hand, by sets and by shuffling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.attribution.alignment import alignment, largest_links, pointing

Links = set[tuple[int, int]]


def matrix(links: Links) -> np.ndarray:
    found = np.zeros((3, 4), dtype=bool)
    for target, source in links:
        found[target, source] = True
    return found


def test_an_alignment_counted_by_hand() -> None:
    """Found 4, of which 2 sure and 3 possible; 3 sure in all: 1 - (2 + 3) / (4 + 3)."""
    found, sure = matrix({(0, 0), (1, 1), (1, 2), (2, 0)}), matrix({(0, 0), (1, 1), (2, 3)})
    scores = alignment(found, sure, matrix({(1, 2)}))
    assert scores == pytest.approx((2 / 7, 3 / 4, 2 / 3))


pairs = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1)


@settings(deadline=None)
@given(pairs, pairs, pairs)
def test_it_is_the_formula_on_sets(found: Links, sure: Links, possible: Links) -> None:
    scores = alignment(matrix(found), matrix(sure), matrix(possible))
    a, s, p = found, sure, possible | sure
    assert scores.error_rate == pytest.approx(1 - (len(a & s) + len(a & p)) / (len(a) + len(s)))
    both = 2 * scores.precision * scores.recall / max(scores.precision + scores.recall, 1e-300)
    if sure >= possible:  # then it is 1 - F, where precision and recall speak of the same links
        assert scores.error_rate == pytest.approx(1 - both)


@settings(deadline=None)
@given(pairs)
def test_the_reference_itself_has_no_errors_and_what_it_lacks_has_only_errors(links: Links) -> None:
    truth = matrix(links)
    assert alignment(truth, truth, truth) == (0, 1, 1)
    if not truth.all():
        assert alignment(~truth, truth, truth) == (1, 0, 0)


def test_texts_are_pooled() -> None:
    found, sure = np.stack([matrix({(0, 0)}), matrix({(0, 1)})]), np.stack([matrix({(0, 0)}), matrix({(0, 0), (1, 1)})])
    assert alignment(found, sure, sure).error_rate == pytest.approx(1 - 2 / 5)


@pytest.mark.parametrize(("found", "sure"), [(set(), {(0, 0)}), ({(0, 0)}, set())])
def test_nothing_to_align_is_refused(found: Links, sure: Links) -> None:
    with pytest.raises(ValueError, match=r"[01] found and [01] sure links: an alignment needs at least one of both.$"):
        alignment(matrix(found), matrix(sure), matrix(set()))


def test_links_are_the_largest_weights_of_aligned_words() -> None:
    attention = np.array([[[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.1, 0.1, 0.8]]])
    found = largest_links(attention, np.array([[True, True, False]]))
    assert found.astype(int).tolist() == [[[0, 1, 0], [1, 0, 0], [0, 0, 0]]]


def scattered(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Random maps and boxes of 2 to 4 of 8 cells a side, with corners between centers."""
    generator = np.random.default_rng(5)
    corner, side = generator.integers(0, 5, (count, 2)), generator.integers(2, 5, (count, 2))
    return generator.random((count, 6, 8)), np.concatenate([corner, corner + side], 1) / 8


def test_pointing_is_the_plain_loop_and_its_control_the_mean_of_all_other_pairs() -> None:
    maps, boxes = scattered()
    hits, shares = np.zeros((2, 40, 40))
    for b, (top, left, bottom, right) in enumerate(boxes):
        for m, cells in enumerate(maps):
            inside = [
                (y, x)
                for y in range(6)
                for x in range(8)
                if top <= (y + 0.5) / 6 < bottom and left <= (x + 0.5) / 8 < right
            ]
            hits[b, m] = np.unravel_index(cells.argmax(), cells.shape) in inside
            shares[b, m] = sum(cells[place] for place in inside) / cells.sum()
    found = pointing(maps, boxes)
    np.testing.assert_array_equal(found.hits, np.diag(hits))
    np.testing.assert_allclose(found.shares, np.diag(shares), rtol=1e-12)
    away = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(found.others_hits, [row[keep].mean() for row, keep in zip(hits, away, strict=True)])
    np.testing.assert_allclose(found.others_shares, [row[keep].mean() for row, keep in zip(shares, away, strict=True)])
    assert 0 < found.hits.mean() < 1


def test_maps_that_are_their_boxes_always_point_and_maps_of_one_place_point_no_better_than_shuffled() -> None:
    _, boxes = scattered()
    y, x = (np.arange(8) + 0.5)[:, None] / 8, (np.arange(8) + 0.5) / 8
    own = np.stack([(t <= y) & (y < b) & (l <= x) & (x < r) for t, l, b, r in boxes]).astype(np.float32)  # noqa: E741
    found = pointing(own, boxes)
    assert found.hits.all()
    np.testing.assert_allclose(found.shares, 1)
    assert found.others_hits.mean() < 0.5
    same = pointing(np.repeat(own[:1], 40, 0), boxes)
    np.testing.assert_allclose(same.others_hits, same.hits)


def test_one_map_has_no_control() -> None:
    with pytest.raises(ValueError, match=r"^1 maps cannot be shuffled: give at least 2.$"):
        pointing(np.ones((1, 2, 2)), np.array([[0.0, 0, 1, 1]]))
