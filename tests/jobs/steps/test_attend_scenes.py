"""The step attend over scenes: the captioner trained alone, its maps against the true boxes; Wilson's interval."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.attribution.alignment import pointing
from jobs.errors import UserError
from jobs.images.scenes import ScenesOptions, scenes
from jobs.nets.writing import CAPTIONER, scene_samples, trained_captioner
from jobs.steps.attend.scenes_plates import wilson
from jobs.steps.attend.seeds import over_seeds
from jobs.study import Study
from tests.jobs.small import numbers, ran

DATA = {"train": 40, "test": 12, "side": 20}
ASKED = {"of": "scenes", "data": DATA, "seeds": [1, 2], "epochs": 1, "width": 2, "hidden": 4, "drawn": 2}


def study(folder: Path, **options: Any) -> Study:
    steps = [{"attend": {**ASKED, **options}}]
    return Study.model_validate(
        {"name": "scenes", "runs": str(folder), "steps": steps, "resources": {"executor": "serial"}}
    )


def test_maps_point_as_those_of_a_captioner_trained_alone(tmp_path: Path) -> None:
    run = ran(study(tmp_path / "runs"))
    found, sets = run.results("attend")["scenes"], scenes(ScenesOptions(**DATA))
    test = scene_samples(sets, sets.test)
    np.testing.assert_array_equal(found["image"], sets.test.images)
    for number, seed in enumerate((1, 2)):
        spec = CAPTIONER.model_copy(update={"seed": seed, "epochs": 1})
        net, _ = trained_captioner(sets, tmp_path / str(seed), spec, width=2, hidden=4)
        with torch.no_grad():
            decoded = net(test.images, test.labels)
            alone = net.captioned(test.images, test.labels[:, 0], test.labels.shape[1] - 1).words
        maps = decoded.attention.unflatten(2, (10, 10)).numpy()
        one = found.isel(seed=number)
        np.testing.assert_allclose(one["attention"], maps, atol=1e-6)
        target = test.labels[:, 1:]
        right = (decoded.logits.argmax(2) == target)[target != 0]
        assert float(one["words_right"]) == pytest.approx(float(right.float().mean()))
        assert float(one["texts_right"]) == pytest.approx(float((alone == target).all(1).float().mean()))
        for digit, step in enumerate(sets.test.steps().T):
            expected = pointing(maps[np.arange(12), step], sets.test.boxes[:, digit])
            for name, values in expected._asdict().items():
                np.testing.assert_allclose(one[name].isel(digit=digit), values, rtol=1e-4)
    named = np.take_along_axis(found["word"].values, found["named"].values, 1)
    assert named.tolist() == [[caption[2], caption[-1]] for caption in sets.test.captions]
    assert run.manifest["figures"] == ["attend-scenes", "attend-scenes-pointing"]
    assert "second digit, seed 2" in run.page
    assert "first digit, range" in run.page


def test_a_single_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^steps\.attend\.data\.test: 1 scene has no others to compare with; give"):
        numbers(study(tmp_path, data={**DATA, "test": 1}))


@pytest.mark.parametrize(("right", "count"), [(0, 5), (3, 8), (8, 8)])
def test_wilsons_interval(right: int, count: int) -> None:
    """By the formula of Wilson (1927)."""
    z = 1.959963984540054
    share, width = right / count, z / (1 + z**2 / count)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = width * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    found = wilson(np.arange(count) < right)
    np.testing.assert_allclose(found, np.clip([middle - half, middle + half], 0, 1), atol=1e-9)


def test_seeds_are_put_together_where_there_are_several() -> None:
    assert over_seeds([np.array([0.5]), None]) == []
    mean, extent = over_seeds([np.array([0.5, 0.25]), None, np.array([1.0, 1.0])])
    assert mean == ("mean", "37.5 %", "", "100.0 %")
    assert extent == ("range", "25.0 % to 50.0 %", "", "100.0 % to 100.0 %")
