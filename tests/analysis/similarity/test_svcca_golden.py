"""Numbers of another implementation on the activations of two MNIST nets that SVCCA's authors publish.

The last layers, 10 units on 10,000 images: model_activations/MNIST of github.com/google/svcca. QR and singular value
decomposition of the samples in float64 give the same means to 2e-9.
"""

from pathlib import Path

import numpy as np
import pytest

from analysis.similarity.cca import cca, svcca
from analysis.similarity.correlation import correlation
from analysis.similarity.joint import Joint
from analysis.similarity.matching import bipartite_matching, semi_matching
from tests.analysis.similarity.joints import joint

pytestmark = pytest.mark.shared

WEIGHTS = np.ones((1, 4))


@pytest.fixture(scope="module")
def lay04(shared_data: Path) -> Joint:
    with np.load(shared_data / "svcca" / "mnist_lay04.npz") as nets:
        return joint(nets["net0"].astype(np.float64), nets["net1"].astype(np.float64))


def test_cca(lay04: Joint) -> None:
    scores, found = cca(lay04, WEIGHTS)
    assert scores.value == pytest.approx(0.7057263130, abs=1e-6)
    np.testing.assert_allclose(found.coefficients[:5], [0.946246, 0.920247, 0.905424, 0.88326, 0.84735], atol=1e-6)


def test_svcca_of_99_percent_of_the_variance(lay04: Joint) -> None:
    scores, found = svcca(lay04, WEIGHTS)
    assert (found.kept_x, found.kept_y) == (8, 8)
    assert scores.value == pytest.approx(0.7787513367, abs=1e-6)


def test_svcca_by_the_authors_rule_keeps_everything(lay04: Joint) -> None:
    scores, found = svcca(lay04, WEIGHTS, rule="unsquared")
    assert (found.kept_x, found.kept_y) == (10, 10)
    assert scores.value == pytest.approx(cca(lay04, WEIGHTS).scores.value, abs=1e-10)


def test_matchings(lay04: Joint) -> None:
    rho = correlation(lay04.xy.units(slice(-1), slice(-1)))
    assert rho[np.arange(10), semi_matching(rho)].mean() == pytest.approx(0.6146102125, abs=1e-6)
    assert rho[bipartite_matching(rho)].mean() == pytest.approx(0.6058113607, abs=1e-6)
