"""The step distributions: NumPy's numbers over the activations, whatever the units and blocks; classes apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.errors import UserError
from tests.jobs.plainly import digit_rows, digits, maps, random_convnet
from tests.jobs.small import Done, numbers, ran, small

LAYERS = ["conv1", "relu1", "fc1"]
ONE = {"a": {"arch": "convnet", "seed": 1, "options": {"width": 6}}}


def done(folder: Path, unit: int = 128, **options: Any) -> Done:
    images, step = {"unit": unit}, {"distributions": options}
    return numbers(small(folder, nets=ONE, layers=LAYERS, images=images, steps=[step]))


def plain(run: Done, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Values (channels, all) of a layer, and the label of each."""
    images, labels = digits(digit_rows(run.blobs))
    found = maps(random_convnet(1), images, layer)
    positions = found[0, 0].size
    return np.moveaxis(found, 1, 0).reshape(found.shape[1], -1), np.repeat(labels, positions)


def test_moments_and_quantiles_are_numpys(tmp_path: Path) -> None:
    run = done(tmp_path)
    results = run.results("distributions")
    assert set(results) == {"a--conv1", "a--relu1", "a--fc1"}
    for layer in LAYERS:
        one, (values, _) = results[f"a--{layer}"], plain(run, layer)
        np.testing.assert_allclose(one["mean"], values.mean(1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(one["variance"], values.var(1), rtol=1e-4)
        np.testing.assert_allclose(one["maximum"], values.max(1), rtol=1e-5)
        np.testing.assert_allclose(one["sparsity"], (values == 0).mean(1), atol=1e-4)
        expected = np.quantile(values, 0.95, axis=1, method="lower")
        np.testing.assert_allclose(one["quantiles"].sel(q=0.95), expected, rtol=0.011, atol=1e-5)


def test_other_units_count_the_same(tmp_path: Path) -> None:
    one, other = (done(tmp_path / str(unit), unit).results("distributions")["a--conv1"] for unit in (128, 48))
    np.testing.assert_array_equal(one["histogram"], other["histogram"])
    np.testing.assert_array_equal(one["minimum"], other["minimum"])
    np.testing.assert_allclose(one["variance"], other["variance"], rtol=1e-9)


def test_classes_are_counted_apart(tmp_path: Path) -> None:
    run = done(tmp_path, by_class=True, layers=["fc1"])
    one, (values, labels) = run.results("distributions")["a--fc1"], plain(run, "fc1")
    for digit in range(10):
        np.testing.assert_allclose(one["mean"].values[digit], values[:, labels == digit].mean(1), rtol=1e-4)


def test_the_report_draws_them(tmp_path: Path) -> None:
    step: dict[str, Any] = {"distributions": {}}
    run = ran(small(tmp_path, nets=ONE, layers=LAYERS, images={"limit": 60}, steps=[step]))
    assert "distributions-a" in run.manifest["figures"]
    assert "Distributions of channels" in run.page


def test_a_layer_that_is_not_studied_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"steps\.distributions\.layers: 'conv9' is no studied layer of a"):
        done(tmp_path, layers=["conv9"])
