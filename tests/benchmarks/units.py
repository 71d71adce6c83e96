"""What do the strongest images and the distributions of every channel cost beside a bare forward pass?

    VITRINE_DATA=... uv run python -m tests.benchmarks.units [--repeats 3] [--json FILE]

Two SqueezeNets on 500 photographs, the steps `top_images` and `distributions` alone and together, of the five layers of
the shipped study and of all 13 outputs in the trunk, images/s beside the bare loop of `tests.benchmarks.bare` in
PyTorch's default layout and channels last, as extraction runs. Loops take turns, so that a drift meets them all.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.bare import Bare
from tests.benchmarks.extraction import _commit, _machine, images_per_second, prepared

TRUNK = "layers=[" + ",".join(f'"features.{number}"' for number in range(13)) + "]"
TOP, SPREAD = "{top_images: {channels: 1}}", "distributions"
WAYS = {
    "bare": ["steps=[evaluate]"],
    "last": ["steps=[evaluate]"],
    "top images, five layers": [f"steps=[{TOP}]"],
    "distributions, five layers": [f"steps=[{SPREAD}]"],
    "both, five layers": [f"steps=[{TOP}, {SPREAD}]"],
    "both, all layers": [f"steps=[{TOP}, {SPREAD}]", TRUNK],
}


def measured(name: str) -> float:
    """Images a second of one loop, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        _, work = prepared(folder, *WAYS[name])
        return images_per_second(
            Bare(work, "last" if name == "last" else "") if name in ("bare", "last") else work, work
        )


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(options.repeats):
        for name in WAYS:
            speeds[name].append(measured(name))
            print(f"repeat {repeat + 1}: {name:27s} {speeds[name][-1]:6.1f} images/s", flush=True)
    ratios = {}
    for name in list(WAYS)[2:]:
        for bare in ("bare", "last"):
            ratios[f"{name} / {bare}"] = median(speeds[name]) / median(speeds[bare])
            print(f"{name} / {bare}: {ratios[f'{name} / {bare}']:.2f}")
    if options.json:
        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        options.json.write_text(json.dumps({**about, "images_per_second": speeds, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
