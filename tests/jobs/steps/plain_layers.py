"""Layers of a small run computed plainly, as samples of its positions, and what its permuted images would have been."""

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from jobs.extract import IMAGES
from jobs.images.manifest import Manifest
from jobs.results import read_results
from tests.jobs.plainly import digit_rows, digits, flat, maps, random_convnet
from tests.jobs.small import Done

ROUNDING = 1e-6
"""Networks and products of a run are float32; what they were measured to move a similarity by is 3e-7."""


def nth(run: Done, step: str, number: int = 0) -> dict[str, xr.Dataset]:
    """The datasets of one of several steps of that kind."""
    names = [name for name in run.manifest["steps"] if name.startswith(step)]
    found = read_results(run.blobs, names[number])
    assert found is not None
    return found


def layer_maps(run: Done, seed: int, layer: str, width: int = 6) -> np.ndarray:
    """(images, channels, height, width) of a random convnet on the run's images."""
    return maps(random_convnet(seed, width), digits(digit_rows(run.blobs))[0], layer)


@torch.no_grad()
def hooked(net: nn.Module, images: np.ndarray, layer: str) -> np.ndarray:
    """The same of any network, in float64."""
    held: list[Tensor] = []
    handle = net.get_submodule(layer).register_forward_hook(lambda *given: held.append(given[2].clone()))
    net.double()(torch.from_numpy(images).double())
    handle.remove()
    return held[0].numpy().reshape(len(images), held[0].shape[1], *(held[0].shape[2:] or (1, 1)))


def samples(found: np.ndarray, policy: str) -> np.ndarray:
    """Maps as (samples, channels) under a policy of positions."""
    return found.mean((2, 3)) if policy == "mean" else flat(found)


def groups(run: Done) -> np.ndarray:
    """The group of every image of the run."""
    return Manifest.load(run.blobs.read(IMAGES)).groups


def next_image(run: Done, batch: int) -> np.ndarray:
    """For every row the row whose activations it meets for the floor: the next of its group within a batch."""
    runs: dict[tuple[int, int], list[int]] = {}
    for row, group in enumerate(groups(run).tolist()):
        runs.setdefault((row // batch, group), []).append(row)
    assert min(len(members) for members in runs.values()) > 1, "an image alone in its run is left out of the floor"
    found = np.arange(len(groups(run)))
    for members in runs.values():
        found[members] = np.roll(members, -1)
    return found
