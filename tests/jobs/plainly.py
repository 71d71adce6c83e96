"""The same numbers computed plainly: module after module in float64 over all images at once, NumPy, no streaming."""

import gzip
import json

import numpy as np
import torch
from torch import nn

from cluster.blobs import Blobs
from jobs.nets.build import build


def digit_rows(run: Blobs) -> list[int]:
    """Which of scikit-learn's digits are the images of a run, in its order."""
    _, *lines = gzip.decompress(run.read("images.jsonl.gz")).decode().splitlines()
    return [int(json.loads(line)[0].removeprefix("digits/")) for line in lines]


def digits(rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 1, 8, 8) in 0-1 as 8-bit grays are, and labels (N,)."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    return np.rint(data.images[rows, None] * 255 / 16) / 255, data.target[rows]


def random_convnet(seed: int, width: int = 6) -> nn.Sequential:
    """The network of `tests.jobs.small`, in float64."""
    net = build("convnet", (1, 8, 8), 10, {"width": width}, (), seed)
    assert isinstance(net, nn.Sequential)
    return net.double()


@torch.no_grad()
def maps(net: nn.Sequential, images: np.ndarray, layer: str = "fc2") -> np.ndarray:
    """Output (N, C, H, W) of a layer; vectors are maps of one position."""
    x = torch.from_numpy(images).double()
    for name, module in net.named_children():
        x = module(x)
        if name == layer:
            return x.clone().numpy().reshape(*x.shape[:2], *(x.shape[2:] or (1, 1)))
    raise KeyError(layer)


def flat(values: np.ndarray) -> np.ndarray:
    """(N, C, ...) as samples x channels."""
    return np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlations of the columns of `a` with those of `b`; NaN where one never varies."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(a, b, rowvar=False)[: a.shape[1], a.shape[1] :]
