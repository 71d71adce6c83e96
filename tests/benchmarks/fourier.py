"""How much faster is CCA per frequency than the SVCCA authors' recipe? 500 images, 16 x 16, 64 channels, two layers.

    uv run python -m tests.benchmarks.fourier [--repeats 5] [--json FILE]

Theirs (dft_ccas and cca_core of google/svcca, written anew from what they do): fft2 of all maps, and at each of the 256
frequencies numpy.cov, pseudoinverses, their square roots, a singular value decomposition, the means of the inputs and
the coefficients that make up 98 % of the sum. Ours: spectra in batches, products, CCA at each of the 130 independent
frequencies. Each starts from maps laid out as it reads them, theirs with channels last, and ends at the mean of all
coefficients. One thread both, in turns; CPU seconds, medians. Prints too what noise alone scores.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.comoments import Pair
from analysis.similarity.fourier import SpectralJoint, fourier_cca
from analysis.similarity.frequencies import independent
from analysis.similarity.spectra import SpectralAccumulator, spectra

IMAGES, CHANNELS, SIDE, BATCH = 500, 64, 16, 250
AIM = 5.0


def layers(shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Rectified float32 maps, of whose channels this share of the variance has a cause in both layers."""
    generator = np.random.default_rng(0)
    shape = (IMAGES, CHANNELS, SIDE, SIDE)
    causes, *own = (generator.standard_normal(shape, np.float32) for _ in range(3))
    x, y = (np.maximum(shared**0.5 * causes + (1 - shared) ** 0.5 * noise, 0) for noise in own)
    return x, y


def ours(x: np.ndarray, y: np.ndarray, permuted: bool = False) -> float:
    """From maps (images, channels, height, width) to the mean, streamed."""
    frequencies = independent(*x.shape[2:])
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y", permuted)
    accumulator = SpectralAccumulator(dict.fromkeys(pairs, 1))
    for start in range(0, len(x), BATCH):
        batch = {name: spectra(maps[start : start + BATCH], frequencies) for name, maps in (("x", x), ("y", y))}
        accumulator.add(batch, np.zeros(batch["x"].shape[1], np.int64))
    xx, yy, xy = (accumulator.comoments()[pair] for pair in pairs)
    return fourier_cca(SpectralJoint(xx, yy, xy, frequencies), np.ones((0, 1)), variance=1.0).scores.value


def theirs(x: np.ndarray, y: np.ndarray) -> float:
    """From maps (images, height, width, channels) to the mean."""
    plane_x, plane_y = (np.fft.fft2(maps.astype(np.complex64), axes=(1, 2)) for maps in (x, y))
    found = [
        _recipe(plane_x[:, row, column, :].T, plane_y[:, row, column, :].T)["coefficients"].mean()
        for row in range(x.shape[1])
        for column in range(x.shape[2])
    ]
    return float(np.mean(found))


def _recipe(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """All that they return for (channels, images) by default."""
    covariance = np.cov(x, y)
    xx, xy, yy = covariance[: len(x), : len(x)], covariance[: len(x), len(x) :], covariance[len(x) :, len(x) :]
    scale_x, scale_y = np.abs(xx).max(), np.abs(yy).max()
    root_x, root_y = (_root(np.linalg.pinv(block)) for block in (xx / scale_x, yy / scale_y))
    left, coefficients, right = np.linalg.svd(root_x @ (xy / np.sqrt(scale_x * scale_y)) @ root_y)
    kept = next(i for i in range(len(coefficients)) if coefficients[:i].sum() / coefficients.sum() >= 0.98)
    return {
        "coefficients": coefficients, "mean": coefficients[:kept].mean(), "x": left.T, "y": right, "root_x": root_x,
        "root_y": root_y, "mean_x": x.mean(1), "mean_y": y.mean(1),
    }  # fmt: skip


def _root(block: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(block)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.conj().T


def seconds(work: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """CPU seconds that it took, and what it found."""
    began = time.process_time()
    value = work(x, y)
    return time.process_time() - began, value


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    with threadpool_limits(1):
        x, y = layers(shared=0.5)
        last_x, last_y = (np.ascontiguousarray(maps.transpose(0, 2, 3, 1)) for maps in (x, y))
        for repeat in range(options.repeats):
            slow, expected = seconds(theirs, last_x, last_y)
            fast, found = seconds(ours, x, y)
            assert abs(found - expected) < 1e-6, (found, expected)
            times["theirs"].append(slow)
            times["ours"].append(fast)
            print(f"repeat {repeat + 1}: theirs {slow:.2f} s, ours {fast:.2f} s", flush=True)
        scores = {"shared": found, "shared, permuted": ours(x, y, permuted=True), "noise": ours(*layers(shared=0.0))}
    ratio = median(times["theirs"]) / median(times["ours"])
    print(f"theirs / ours: {ratio:.2f} (aim: at least {AIM:g})")
    print(", ".join(f"{name}: {score:.4f}" for name, score in scores.items()))
    if options.json:
        from tests.benchmarks.extraction import _commit, _machine  # which loads every step

        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        figures = {**about, "cpu_seconds": times, "ratio": ratio, "scores": scores}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
