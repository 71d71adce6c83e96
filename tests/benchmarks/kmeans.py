"""How fast is exact k-means of 38 million weights to its fixed point, beside ten iterations of scikit-learn's?

    uv run python -m tests.benchmarks.kmeans [--repeats 3] [--threads 1 2] [--json FILE]

Normal float32 weights, as a large fully connected layer has them. Theirs is `KMeans(32, init=start, n_init=1,
max_iter=10, tol=0)` from the same start; ours sorts, iterates until nothing moves, and gives every weight its code, as
theirs does. The error of ours, summed squares in float64, must not be larger. Theirs has the threads named, ours is
one thread; turns alternate, and the medians of the clock count.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.cluster import KMeans  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.compression.kmeans import SortedValues, Start, nearest_codes, squared_error

WEIGHTS, CODES, ITERATIONS, AIM = 38_000_000, 32, 10, 25.0
STARTS: tuple[Start, ...] = ("linear", "density", "random")

Found = tuple[np.ndarray, np.ndarray, int]
"""Centroids, codes, iterations."""


def ours(weights: np.ndarray, start: Start) -> Found:
    """Sort, iterate to the fixed point, assign."""
    ordered = SortedValues(weights)
    found = ordered.lloyd(ordered.start(CODES, start, np.random.default_rng(0)))
    return found.centroids, nearest_codes(weights, found.centroids), found.iterations


def theirs(weights: np.ndarray, start: np.ndarray) -> Found:
    """Ten iterations from the same centroids."""
    first = start.astype(np.float32)[:, None]
    model = KMeans(CODES, init=first, n_init=1, max_iter=ITERATIONS, tol=0).fit(weights[:, None])
    return model.cluster_centers_[:, 0].astype(np.float64), model.labels_.astype(np.uint8), model.n_iter_


def timed(weights: np.ndarray, kind: Start, repeats: int) -> dict[str, Any]:
    """Seconds of both in turns, their ratios and errors."""
    start = SortedValues(weights).start(CODES, kind, np.random.default_rng(0))
    ways = {"scikit-learn": lambda: theirs(weights, start), "ours": lambda: ours(weights, kind)}
    clock: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    errors, iterations = {}, {}
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter(), time.process_time()
            centroids, codes, iterations[name] = way()
            clock[name].append(time.perf_counter() - began[0])
            processor[name].append(time.process_time() - began[1])
            errors[name] = squared_error(weights, centroids, codes)
            del centroids, codes
    assert errors["ours"] <= errors["scikit-learn"], errors
    return {
        "seconds": clock,
        "cpu_seconds": processor,
        "ratio": median(clock["scikit-learn"]) / median(clock["ours"]),
        "cpu_ratio": median(processor["scikit-learn"]) / median(processor["ours"]),
        "iterations": iterations,
        "squared_error": errors,
    }


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    weights = np.random.default_rng(0).standard_normal(WEIGHTS, np.float32) * np.float32(0.01)
    rows = []
    for threads in options.threads:
        for start in STARTS:
            with threadpool_limits(threads):
                rows.append({"start": start, "threads": threads, **timed(weights, start, options.repeats)})
            print(_line(rows[-1]), flush=True)
    print(f"aim: at least {AIM:g} x at no larger error")
    if options.json:
        from tests.benchmarks.extraction import _commit, _machine  # which loads every step

        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        sizes = {"weights": WEIGHTS, "codes": CODES}
        options.json.write_text(json.dumps({**about, **sizes, "rows": rows}, indent=1) + "\n")


def _line(row: dict[str, Any]) -> str:
    seconds, errors = row["seconds"], row["squared_error"]
    error = errors["ours"] / errors["scikit-learn"]
    return (
        f"{row['start']} start, threads {row['threads']}: scikit-learn {median(seconds['scikit-learn']):.2f} s, "
        f"ours {median(seconds['ours']):.3f} s to the fixed point ({row['iterations']['ours']} iterations), "
        f"{row['ratio']:.1f} x (CPU {row['cpu_ratio']:.1f} x), error {error:.4f} of theirs"
    )


if __name__ == "__main__":
    main()
