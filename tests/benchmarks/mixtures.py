"""What do matching, CCA and CKA see? A layer beside its permutation, its random invertible mixture, and noise.

    uv run python -m tests.benchmarks.mixtures

A permutation keeps the units: every measure is 1. A mixture keeps the span and no unit: CCA stays 1 and matching falls
to what the best of many small weights gives. Independent noise keeps nothing: all stand at their floors.
"""

import numpy as np

from analysis.comoments import Accumulator, Pair
from analysis.similarity.cca import cca
from analysis.similarity.cka import cka
from analysis.similarity.joint import Joint, with_norm
from analysis.similarity.soft_matching import hard_correlation_match

SAMPLES, UNITS = 20_000, 64
NO_DRAWS = np.ones((0, 1))


def joint(x: np.ndarray, y: np.ndarray) -> Joint:
    """The sums of two layers over the same samples."""
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y")
    zero = np.zeros(x.shape[1])
    accumulator = Accumulator(dict.fromkeys(pairs, 1), {"x": np.append(zero, 0.0), "y": np.append(zero, 0.0)})
    accumulator.add(
        {name: with_norm(v[:, None, :], zero) for name, v in {"x": x, "y": y}.items()}, np.zeros(len(x), int)
    )
    found = accumulator.comoments()
    return Joint(*(found[pair] for pair in pairs))


def scores(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Every measure of two layers."""
    found = joint(x, y)
    return {
        "hard_match": hard_correlation_match(found, NO_DRAWS)[0].value,
        "cca": cca(found, NO_DRAWS).scores.value,
        "cka": cka(found, NO_DRAWS).value,
    }


def main() -> None:
    """Print one line a companion: each measure, and the same with the samples permuted."""
    generator = np.random.default_rng(0)
    layer = np.maximum(generator.normal(size=(SAMPLES, UNITS)) @ generator.normal(size=(UNITS, UNITS)) / UNITS**0.5, 0)
    companions = {
        "permutation": layer[:, generator.permutation(UNITS)],
        "mixture": layer @ generator.normal(size=(UNITS, UNITS)),
        "noise": np.maximum(generator.normal(size=(SAMPLES, UNITS)), 0),
    }
    for name, companion in companions.items():
        found, floor = scores(layer, companion), scores(layer, companion[generator.permutation(SAMPLES)])
        print(
            f"{name:12}", "  ".join(f"{measure} {found[measure]:.3f} (floor {floor[measure]:.3f})" for measure in found)
        )


if __name__ == "__main__":
    main()
