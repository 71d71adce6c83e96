"""All numbers of a captioner's attention: the test scenes, the map before every word, and whether it points."""

from typing import Any

import numpy as np
import xarray as xr

from analysis.attribution.alignment import Pointing, pointing
from jobs.images.scenes import Scenes
from jobs.steps.attend.training import Told


def dataset(found: Told, scenes: Scenes, seeds: tuple[int, ...]) -> xr.Dataset:
    """Dimensions seed, scene, step, row_place, column_place, and digit: the first that a caption names, the second."""
    steps = found.right.shape[2]
    words = [caption[1:] for caption in scenes.captions]
    lengths = np.array([len(caption) + 1 for caption in words])  # with the end
    real = np.arange(steps) < lengths[:, None]
    variables: dict[str, Any] = {
        "image": (("scene", "row_pixel", "column_pixel"), scenes.images),
        "attention": (("seed", "scene", "step", "row_place", "column_place"), found.attention),
        "right": (("seed", "scene", "step"), found.right),
        "word": (("scene", "step"), np.array([[*text, *[""] * (steps - len(text))] for text in words])),
        "box": (("scene", "digit", "edge"), scenes.boxes),
        "label": (("scene", "digit"), scenes.labels),
        "named": (("scene", "digit"), scenes.steps()),
        "words_right": ("seed", np.array([one[real].mean() for one in found.right])),
        "texts_right": ("seed", found.whole.mean(1)),
    }
    variables |= _pointing(found.attention, scenes)
    return xr.Dataset(variables, coords={"seed": list(seeds), "edge": ["top", "left", "bottom", "right"]})


def _pointing(attention: np.ndarray, scenes: Scenes) -> dict[str, Any]:
    """Of every training and digit: whether the map before its name points at it, and the same for other maps."""
    every, steps = np.arange(len(scenes.captions)), scenes.steps()
    each = [
        [pointing(maps[every, steps[:, digit]], scenes.boxes[:, digit]) for digit in range(steps.shape[1])]
        for maps in attention
    ]
    dims = ("seed", "scene", "digit")
    found = {name: np.array([[getattr(one, name) for one in some] for some in each]) for name in Pointing._fields}
    return {name: (dims, values.swapaxes(1, 2)) for name, values in found.items()}
