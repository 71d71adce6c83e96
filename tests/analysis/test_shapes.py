"""The shapes in signatures are checked, not decoration: a wrong one raises."""

import numpy as np
import pytest

pytest.importorskip("beartype", reason="beartype is not installed, so shapes are not checked")


def test_a_wrong_shape_raises() -> None:
    from jaxtyping import TypeCheckError

    from analysis.similarity.matching import bipartite_matching

    assert len(bipartite_matching(np.eye(3)).x) == 3
    with pytest.raises(TypeCheckError, match="bipartite_matching"):
        bipartite_matching(np.zeros(3))


def test_a_wrong_dtype_raises() -> None:
    from jaxtyping import TypeCheckError

    from analysis.similarity.noise import group_weights

    with pytest.raises(TypeCheckError, match="group_weights"):
        group_weights(np.zeros(3, np.int64), 5, np.random.default_rng(0))
