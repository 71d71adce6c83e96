"""Regression of a whole run against NumPy's least squares and scikit-learn's lasso on the same rows, scored plainly."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import Lasso  # type: ignore[import-untyped]

from tests.jobs.small import NETS, Done, numbers, ran, small
from tests.jobs.steps.plain_layers import groups, layer_maps, next_image, nth, samples

LAYERS = ["conv2", "fc1"]
WIDTHS = {1: 6, 2: 9}
BATCH, IMAGES = 150, 300
NETS_OF_TWO_WIDTHS = {"a": NETS["a"], "b": {"arch": "convnet", "seed": 2, "options": {"width": WIDTHS[2]}}}
PENALTIES = [0.3, 0.1, 0.03, 0.01, 0.003]
RIDGE = [0.1, 0.01]
STEPS: list[Any] = [
    {"regress": {"penalties": PENALTIES, "ridge": RIDGE, "gap": 1e-10}},
    {"regress": {"nets": ["a", "a"], "penalties": [0.01], "pairs": "all"}},
]
ROUNDING = 2e-6
"""Networks and products of a run are float32."""
BLACK = [{"Normalize": {"mean": [0.0], "std": [1e30]}}]


@pytest.fixture(scope="module", params=["mean", "all"])
def regressed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, str]:
    """A run under one policy of positions, and the policy's name."""
    study = small(
        tmp_path_factory.mktemp("runs"), nets=NETS_OF_TWO_WIDTHS, layers=LAYERS, steps=STEPS,
        images={"limit": IMAGES, "unit": BATCH, "batch": BATCH}, extract={"positions": request.param},
    )  # fmt: skip
    return numbers(study), request.param


class Rows(NamedTuple):
    """Samples to fit on, standardized, and to score on, standardized by those of the fit."""

    x: np.ndarray
    y: np.ndarray
    x_held: np.ndarray
    y_held: np.ndarray

    def losses(self, weights: np.ndarray) -> np.ndarray:
        """Mean squared error over the variance of each target, on the held-out samples."""
        return np.asarray(((self.y_held - self.x_held @ weights) ** 2).mean(0) / self.y_held.var(0))

    def fit_losses(self, weights: np.ndarray) -> np.ndarray:
        return np.asarray(((self.y - self.x @ weights) ** 2).mean(0))

    def least_squares(self) -> np.ndarray:
        return np.linalg.lstsq(self.x, self.y)[0]

    def lasso(self, penalty: float) -> np.ndarray:
        model = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=100_000)
        return np.asarray(model.fit(self.x, self.y).coef_.T)


def rows(run: Done, policy: str, layer: str, order: np.ndarray | None = None) -> Rows:
    """Of a to predict b with; the last four of the 16 groups are held out. `order` permutes the images of b."""
    x, y = (layer_maps(run, seed, layer, width) for seed, width in WIDTHS.items())
    y = y if order is None else y[order]
    held = groups(run) >= 12
    both = [[samples(values[which], policy) for values in (x, y)] for which in (~held, held)]
    means, deviations = [v.mean(0) for v in both[0]], [v.std(0) for v in both[0]]
    parts = [(v - m) / s for part in both for v, m, s in zip(part, means, deviations, strict=True)]
    return Rows(*parts)


@pytest.mark.parametrize("layer", LAYERS)
def test_least_squares_is_numpys(regressed: tuple[Done, str], layer: str) -> None:
    run, policy = regressed
    found, plain = nth(run, "regress")[layer], rows(run, policy, layer)
    weights = plain.least_squares()
    value, low, high, _ = found["least_squares_held_out"].values
    np.testing.assert_allclose(found["least_squares_losses"].values, plain.losses(weights), atol=ROUNDING)
    assert value == pytest.approx(plain.losses(weights).mean(), abs=ROUNDING)
    assert float(found["least_squares_fit"]) == pytest.approx(plain.fit_losses(weights).mean(), abs=ROUNDING)
    assert float(found["least_squares_fit"]) < value + 0.02, "held-out images may be the easier ones, by a little"
    assert low < value < high
    assert found["fit_samples"] == len(plain.x)
    assert found["held_out_samples"] == len(plain.x_held)
    assert found["units"].values.tolist() == [plain.x.shape[1], plain.y.shape[1]]


@pytest.mark.parametrize("layer", LAYERS)
def test_ridge_is_the_closed_form(regressed: tuple[Done, str], layer: str) -> None:
    run, policy = regressed
    found, plain = nth(run, "regress")[layer], rows(run, policy, layer)
    assert found["ridge"].values.tolist() == RIDGE
    for number, penalty in enumerate(RIDGE):
        gram = plain.x.T @ plain.x / len(plain.x) + penalty * np.eye(plain.x.shape[1])
        weights = np.linalg.solve(gram, plain.x.T @ plain.y / len(plain.x))
        assert found["ridge_held_out"].values[number, 0] == pytest.approx(plain.losses(weights).mean(), abs=ROUNDING)
        assert found["ridge_fit"].values[number] == pytest.approx(plain.fit_losses(weights).mean(), abs=ROUNDING)


@pytest.mark.parametrize("layer", LAYERS)
def test_l1_is_scikit_learns_lasso(regressed: tuple[Done, str], layer: str) -> None:
    run, policy = regressed
    found, plain = nth(run, "regress")[layer], rows(run, policy, layer)
    assert found["penalty"].values.tolist() == PENALTIES
    for number, penalty in enumerate(PENALTIES):
        weights = plain.lasso(penalty)
        np.testing.assert_allclose(found["l1_weights"].values[number], weights, atol=1e-4)
        assert found["l1_used"].values[number] == pytest.approx((weights != 0).sum(0).mean(), abs=0.1)
        held_out, fit = plain.losses(weights).mean(), plain.fit_losses(weights).mean()
        value, low, high, _ = found["l1_held_out"].values[number]
        assert value == pytest.approx(held_out, abs=1e-4)
        assert found["l1_fit"].values[number] == pytest.approx(fit, abs=1e-4)
        assert low <= value <= high
        assert found["l1_fit"].values[number] < value + 0.02, "the fit is no worse than what it was not fitted on"
    assert (found["l1_gap"].values <= 1e-10).all()
    assert (np.diff(found["l1_used"].values) >= 0).all()
    assert (np.diff(found["l1_fit"].values) < 0).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_the_floor_is_what_permuted_images_give(regressed: tuple[Done, str], layer: str) -> None:
    run, policy = regressed
    found, plain = nth(run, "regress")[layer], rows(run, policy, layer, next_image(run, BATCH))
    floor = found["least_squares_held_out"].values[3]
    assert floor == pytest.approx(plain.losses(plain.least_squares()).mean(), abs=10 * ROUNDING)
    assert found["l1_held_out"].values[3, 3] == pytest.approx(plain.losses(plain.lasso(0.01)).mean(), abs=1e-4)
    if policy == "mean":
        assert floor > 0.9
        assert abs(found["l1_held_out"].values[0, 3] - 1) < 0.1, "a strong penalty predicts the mean"
    assert floor > found["least_squares_held_out"].values[2]


def test_a_network_predicts_itself(regressed: tuple[Done, str]) -> None:
    run, policy = regressed
    found = nth(run, "regress", 1)
    expected = {"conv2", "fc1", "conv2--fc1", "fc1--conv2"} if policy == "mean" else {"conv2", "fc1"}
    assert set(found) == expected
    for layer in LAYERS:
        assert found[layer]["least_squares_held_out"].values[0] == pytest.approx(0, abs=ROUNDING)
        assert found[layer]["l1_used"].values[0] >= 1


def drawn(tmp_path: Path, **changes: Any) -> tuple[Done, xr.Dataset]:
    """A run with its report, and what it found of fc1."""
    study: dict[str, Any] = {"layers": ["fc1"], "steps": [{"regress": {"penalties": [0.1, 0.01], "draws": 100}}]}
    run = ran(small(tmp_path, **{**study, **changes}))
    return run, nth(run, "regress")["fc1"]


def test_the_report_shows_losses_against_units(tmp_path: Path) -> None:
    run, found = drawn(tmp_path)
    assert run.manifest["figures"] == ["regress-paths-a-b", "regress-depth-a-b"]
    assert f"{found['least_squares_held_out'].values[0]:.3f}" in run.page
    assert "b predicted from a" in run.page
    assert 'class="warnings"' not in run.page, "225 images of the fit are enough for 12 units"


def test_few_samples_are_told(tmp_path: Path) -> None:
    run, found = drawn(tmp_path, images={"limit": 60, "unit": 60, "batch": 60})
    count = int(found["fit_samples"])
    assert f"fc1: {count} samples of the fit for 12 units, fewer than 10 a unit; compare with the floor" in run.page


@pytest.mark.parametrize("dead", ["a", "b"])
def test_dead_units_predict_nothing_and_are_not_predicted(tmp_path: Path, dead: str) -> None:
    nets = {name: {**net, "preprocess": BLACK} if name == dead else net for name, net in NETS.items()}
    run, found = drawn(tmp_path, nets=nets)
    value = found["least_squares_held_out"].values[0]
    if dead == "a":
        assert value == pytest.approx(1, abs=0.1), "what predicting the mean of the fit costs"
        assert (found["l1_used"].values == 0).all()
        assert found["units"].values.tolist() == [0, 12]
    else:
        assert np.isnan(value)
        assert "fc1: no loss: no unit of b varies in both the fit and the held-out images." in run.page
