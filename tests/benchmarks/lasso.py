"""How fast is the L1 path beside scikit-learn's, at a duality gap no larger? 256 targets of 256 predictors.

    uv run python -m tests.benchmarks.lasso [--repeats 3] [--json FILE]

Two sets of units read the same 64 sources through rectified random features, mixed and rectified again: 20,000 samples.
Seven penalties lie 3.8 times apart from 10^-0.5 to 10^-4, from one predictor a prediction to nearly all. All start from
the same correlations: ours in one call, scikit-learn in its three public ways (`Lasso` from zero at every penalty,
`Lasso` with `warm_start`, `lasso_path` without checks and copies), at its default tolerance and at 1e-6. Ours aims at
the smallest of the largest gaps that these left, so that at every penalty its largest gap is no larger; a ratio is
theirs over ours. One thread, turns alternate, and the medians of processor seconds count: other work on the machine
moves them less than it moves the clock.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.linear_model import Lasso  # type: ignore[import-untyped]
from sklearn.linear_model import lasso_path as sklearn_path
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.similarity.lasso import duality_gap, lasso_path

SAMPLES, UNITS = 20_000, 256
PENALTIES = np.logspace(-0.5, -4, 7)

Weights = list[np.ndarray]
"""(predictors, targets) at every penalty."""


class Problem:
    """Two sets of standardized units over the same samples, and their correlations."""

    def __init__(self, seed: int = 0):
        generator = np.random.default_rng(seed)
        # Natural inputs: a few strong directions and many weak ones.
        sources = generator.normal(size=(SAMPLES, 64)) / np.sqrt(np.arange(1, 65))
        self.x, self.y = (self._units(sources, generator) for _ in range(2))
        self.products, self.products_xy = self.x.T @ self.x, np.asfortranarray(self.x.T @ self.y)
        self.gram, self.cross = self.products / SAMPLES, self.products_xy / SAMPLES

    @staticmethod
    def _units(sources: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        features = np.maximum(sources @ generator.normal(size=(64, 512)) + generator.normal(size=512), 0)
        mixed = features @ generator.normal(size=(512, UNITS))
        units = np.maximum((mixed - mixed.mean(0)) / mixed.std(0) - 0.3, 0)
        return np.asfortranarray((units - units.mean(0)) / units.std(0))

    def gaps(self, weights: Weights) -> np.ndarray:
        """Duality gap of every penalty and target."""
        return np.array(
            [duality_gap(b, self.cross - self.gram @ b, self.cross, p) for b, p in zip(weights, PENALTIES, strict=True)]
        )


def ours(problem: Problem, tolerance: float) -> Weights:
    """One call for all penalties and targets."""
    return list(lasso_path(problem.gram, problem.cross, PENALTIES, tolerance=tolerance).weights)


def fitted(problem: Problem, tolerance: float, warm: bool) -> Weights:
    """scikit-learn's estimator, penalty by penalty; `warm`: each from the weights of the last."""
    options = {"precompute": problem.products, "fit_intercept": False, "copy_X": False, "max_iter": 100_000}
    model = Lasso(**options, tol=tolerance, warm_start=warm)
    return [model.set_params(alpha=p).fit(problem.x, problem.y).coef_.T.copy() for p in PENALTIES]


def walked(problem: Problem, tolerance: float) -> Weights:
    """scikit-learn's path function, target by target, without a check or a copy: its fastest public way."""
    paths = [
        sklearn_path(
            problem.x, problem.y[:, k], alphas=PENALTIES, precompute=problem.products, Xy=problem.products_xy[:, k],
            copy_X=False, check_input=False, tol=tolerance, max_iter=100_000,
        )[1]
        for k in range(UNITS)
    ]  # fmt: skip
    return list(np.moveaxis(np.stack(paths, axis=1), 2, 0))


THEIRS: dict[str, dict[str, Callable[[Problem], Weights]]] = {
    "default": {
        "Lasso": lambda problem: fitted(problem, 1e-4, False),
        "Lasso, warm_start": lambda problem: fitted(problem, 1e-4, True),
        "lasso_path": lambda problem: walked(problem, 1e-4),
    },
    "tol 1e-6": {
        "Lasso": lambda problem: fitted(problem, 1e-6, False),
        "lasso_path": lambda problem: walked(problem, 1e-6),
    },
}


class Turns:
    """Processor seconds of every loop and turn, and the gaps that each reached."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.seconds: dict[str, list[float]] = {}
        self.gaps: dict[str, np.ndarray] = {}
        self.used: list[float] = []

    def take(self, name: str, loop: Callable[[Problem], Weights]) -> None:
        """Time one run."""
        began = time.process_time()
        weights = loop(self.problem)
        self.seconds.setdefault(name, []).append(time.process_time() - began)
        self.gaps[name] = self.problem.gaps(weights)
        self.used = [float((b != 0).sum(0).mean()) for b in weights]
        print(f"{name:27s} {self.seconds[name][-1]:6.2f} s", flush=True)


def measured(repeats: int) -> dict[str, object]:
    """All loops in turn, as figures. Ours aims at the smallest of the largest gaps that scikit-learn left."""
    turns = Turns(Problem())
    for _ in range(repeats):
        for setting, loops in THEIRS.items():
            for name, loop in loops.items():
                turns.take(f"{setting}: {name}", loop)
            aim = min(float(turns.gaps[f"{setting}: {name}"].max(1).min()) for name in loops)
            turns.take(f"{setting}: ours", partial(ours, tolerance=aim))
    medians = {name: median(values) for name, values in turns.seconds.items()}
    ratios = {}
    for setting, loops in THEIRS.items():
        for name in (f"{setting}: {name}" for name in loops):
            mine = f"{setting}: ours"
            assert (turns.gaps[mine].max(1) <= turns.gaps[name].max(1)).all(), f"{mine} is further off than {name}"
            ratios[f"{name} / ours"] = medians[name] / medians[mine]
    return {
        "penalties": PENALTIES.tolist(),
        "predictors_used": turns.used,
        "cpu_seconds": turns.seconds,
        "cpu_seconds_median": medians,
        "largest_gap": {name: gap.max(1).tolist() for name, gap in turns.gaps.items()},
        "median_gap": {name: np.median(gap, 1).tolist() for name, gap in turns.gaps.items()},
        "ratios": ratios,
    }


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with threadpool_limits(1):
        found = measured(options.repeats)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
