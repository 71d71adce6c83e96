"""How much faster is SVCCA from streamed products than by the textbook? Two layers, up to 512 units x 50,000 samples.

    uv run python -m tests.benchmarks.svcca [--repeats 3] [--threads 2 1] [--json FILE]

Theirs (Raghu et al., 2017, arXiv:1706.05806, as users of google/svcca write it): numpy.linalg.svd of each centered
layer, units x samples in float64, cut at 99 % of the summed squares, then CCA of what is left as their code does it:
numpy.cov, pseudoinverses, their square roots, a singular value decomposition. CCA is the second half alone.
Ours: products of batches of float32 samples, summed, and CCA of the covariances. `float64` turns each batch into
float64 before its products, and must find the coefficients of theirs to 1e-6; `float32` does not, and rounds: by little
in CCA, by more in SVCCA, whose cut between two nearly equal eigenvalues magnifies it, and hardly in the mean of all.

Turns alternate, and medians count, by the clock and in processor seconds, which other work on the machine moves less
where there is one thread; two that wait for each other on a busy machine say nothing. Peak memory is what a process of
its own reaches beyond its input.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.comoments import Accumulator, Pair
from analysis.similarity.cca import canonical
from tests.benchmarks.fourier import _recipe

SIZES = ((64, 10_000), (256, 10_000), (512, 50_000))
VARIANCES = {"cca": 1.0, "svcca": 0.99}
IMAGES, POSITIONS = 64, 50
"""What a batch of ours holds."""
TOLERANCE, AIM = 1e-6, 25.0

Layers = tuple[np.ndarray, np.ndarray]
Ways = dict[str, Callable[[float], np.ndarray]]


def layers(units: int, samples: int) -> Layers:
    """Rectified float32 features of one latent, (images, positions, units), some of each its own.

    The k-th latent has 1/k of the first one's deviation: the eigenvalues of 512 units spread over four decades, and
    99 % of the variance needs two thirds of them.
    """
    generator = np.random.default_rng(0)
    scales = 1 / np.arange(1, units + 1, dtype=np.float32)
    latent = generator.standard_normal((samples, units), np.float32) * (scales / np.linalg.norm(scales))
    x, y = (
        np.maximum(
            latent @ generator.standard_normal((units, units), np.float32)
            + 0.1 * generator.standard_normal((samples, units), np.float32),
            0,
        )
        for _ in range(2)
    )
    return x.reshape(-1, POSITIONS, units), y.reshape(-1, POSITIONS, units)


def by_units(x: np.ndarray) -> np.ndarray:
    """The same samples as theirs reads them, (units, samples) in float64."""
    return np.ascontiguousarray(x.reshape(-1, x.shape[2]).T, np.float64)


def ours(x: np.ndarray, y: np.ndarray, variance: float, dtype: type) -> np.ndarray:
    """Coefficients from float32 samples, streamed, with products in `dtype`."""
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y")
    accumulator = Accumulator(dict.fromkeys(pairs, 1), {"x": np.zeros(x.shape[2]), "y": np.zeros(y.shape[2])})
    for start in range(0, len(x), IMAGES):
        images = slice(start, start + IMAGES)
        batch: dict[str, np.ndarray] = {name: s[images].astype(dtype, copy=False) for name, s in (("x", x), ("y", y))}
        accumulator.add(batch, np.zeros(len(batch["x"]), np.int64))
    sums = accumulator.comoments()
    xx, yy, xy = (sums[pair].covariance() for pair in pairs)
    return canonical(xx, yy, xy, x.shape[0] * x.shape[1], variance=variance).coefficients


def theirs(x: np.ndarray, y: np.ndarray, variance: float) -> np.ndarray:
    """Coefficients from all samples at once, (units, samples)."""
    if variance < 1:
        x, y = _leading(x, variance), _leading(y, variance)
    return _recipe(x, y)["coefficients"]


def _leading(x: np.ndarray, variance: float) -> np.ndarray:
    _, values, directions = np.linalg.svd(x - x.mean(1, keepdims=True), full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(values**2) / (values**2).sum(), variance)) + 1
    return np.dot(values[:kept] * np.eye(kept), directions[:kept])


def ways(x: np.ndarray, y: np.ndarray) -> Ways:
    """Every way from samples to coefficients, each from samples laid out as it reads them."""
    units_x, units_y = by_units(x), by_units(y)
    return {
        "theirs": lambda variance: theirs(units_x, units_y, variance),
        "float64": lambda variance: ours(x, y, variance, np.float64),
        "float32": lambda variance: ours(x, y, variance, np.float32),
    }


def timed(found: Ways, variance: float, repeats: int) -> dict[str, Any]:
    """Seconds of every way and turn, ratios of medians, and how far the coefficients are from theirs."""
    clock: dict[str, list[float]] = {name: [] for name in found}
    processor: dict[str, list[float]] = {name: [] for name in found}
    coefficients = {}
    for _ in range(repeats):
        for name, way in found.items():
            began = time.perf_counter(), time.process_time()
            coefficients[name] = way(variance)
            clock[name].append(time.perf_counter() - began[0])
            processor[name].append(time.process_time() - began[1])
    expected = coefficients.pop("theirs")
    differences = {name: float(np.abs(c - expected).max()) for name, c in coefficients.items()}
    assert differences["float64"] < TOLERANCE, differences
    return {
        "seconds": clock,
        "cpu_seconds": processor,
        "ratios": {name: median(clock["theirs"]) / median(clock[name]) for name in differences},
        "cpu_ratios": {name: median(processor["theirs"]) / median(processor[name]) for name in differences},
        "largest_difference": differences,
        "difference_of_mean": {name: float(abs(c.mean() - expected.mean())) for name, c in coefficients.items()},
        "directions": len(expected),
        "quartiles": np.quantile(expected, [0, 0.25, 0.5, 0.75, 1]).round(3).tolist(),
    }


def peaks() -> dict[str, dict[str, float]]:
    """Megabytes of the input of both layers and beyond it, SVCCA of the largest size, each way in a process of its own.

    To be asked for first: a process counts what its parent held when it was started.
    """
    with tempfile.TemporaryDirectory() as folder:
        _apart(_save, folder)
        return {way: _apart(_peak, folder, way) for way in ("theirs", "float64", "float32")}


def _apart(work: Callable[..., Any], *arguments: str) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _save(folder: str) -> None:
    for name, x in zip("xy", layers(*SIZES[-1]), strict=True):
        np.save(f"{folder}/{name}.npy", x)
        np.save(f"{folder}/{name}_units.npy", by_units(x))


def _peak(folder: str, way: str) -> dict[str, float]:
    suffix = "_units" if way == "theirs" else ""
    x, y = (np.load(f"{folder}/{name}{suffix}.npy") for name in "xy")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if way == "theirs":
        theirs(x, y, VARIANCES["svcca"])
    else:
        ours(x, y, VARIANCES["svcca"], np.dtype(way).type)
    beyond = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"input": (x.nbytes + y.nbytes) / 1e6, "beyond": beyond / 1e6, "ratio": beyond / (x.nbytes + y.nbytes)}


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    memory = peaks()
    for way, peak in memory.items():
        print(f"peak memory, {way}: {peak['beyond']:.0f} MB beyond {peak['input']:.0f} MB, {peak['ratio']:.2f} x")
    rows = []
    for units, samples in SIZES:
        found = ways(*layers(units, samples))
        for threads in options.threads:
            for measure, variance in VARIANCES.items():
                with threadpool_limits(threads):
                    row = timed(found, variance, options.repeats)
                rows.append({"measure": measure, "units": units, "samples": samples, "threads": threads, **row})
                print(_line(rows[-1]), flush=True)
    print(f"aim: svcca of {units} x {samples:,} at least {AIM:g} x, coefficients within {TOLERANCE:g}")
    if options.json:
        from tests.benchmarks.extraction import _commit, _machine  # which loads every step

        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        options.json.write_text(json.dumps({**about, "peak_memory_mb": memory, "rows": rows}, indent=1) + "\n")


def _line(row: dict[str, Any]) -> str:
    seconds = {name: median(values) for name, values in row["seconds"].items()}
    line = f"{row['measure']}, {row['units']} x {row['samples']:,}, threads {row['threads']}: {seconds['theirs']:.3f} s"
    for name, difference in row["largest_difference"].items():
        ratios = f"{row['ratios'][name]:.1f} x (CPU {row['cpu_ratios'][name]:.1f} x)"
        mean = row["difference_of_mean"][name]
        line += f"; {name} {seconds[name]:.3f} s, {ratios}, off by {difference:.1e}, their mean by {mean:.1e}"
    return line


if __name__ == "__main__":
    main()
