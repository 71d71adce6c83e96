"""Figures and the table of a captioner's attention: maps word by word, and how often they point at what is named."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.stats import binomtest

from jobs.figures.dots import Control, Dots, dots
from jobs.figures.plate import Plate, plate_name
from jobs.figures.words import Box, Spoken, word_panels
from jobs.images.scenes import NAMES
from jobs.report.cells import Cell, percent
from jobs.report.page import Table
from jobs.steps.attend.seeds import over_seeds
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.steps.attend.options import ScenesAttention

SECTION = "Attention of a captioner"
INTERVAL = "95 % interval (Wilson)"
POSITIONS = ("first digit", "second digit")


def presentation(options: "ScenesAttention", found: xr.Dataset) -> Presentation:
    """Maps of the first training, pointing accuracy of all, and their table."""
    return Presentation(((SECTION, _words(options, found)), (SECTION, _by_digit(found))), (_table(found),))


def _words(options: "ScenesAttention", found: xr.Dataset) -> Plate:
    first = found.isel(seed=0, scene=slice(options.drawn))
    spoken = [_spoken(first.isel(scene=number)) for number in range(first.sizes["scene"])]
    return Plate(
        plate_name("attend", "scenes"),
        "Where the captioner looks before each word",
        "One panel a word, which is underlined in the caption above it (in orange where the network would write "
        "another, given the true words before): the map of attention over the scene, each on its own scale, in shares "
        "of all attention. Framed: the digit that the word names. Training with seed "
        f"{int(first['seed'])}.",
        word_panels(spoken),
        {name: first[name].values for name in ("image", "attention", "word", "box", "right")},
    )


def _spoken(scene: xr.Dataset) -> Spoken:
    words = [str(word) for word in scene["word"].values if word]
    boxes: list[Box | None] = [None] * len(words)
    for step, (top, left, bottom, right) in zip(scene["named"].values, scene["box"].values, strict=True):
        boxes[step] = (float(top), float(left), float(bottom), float(right))
    maps, right_words = scene["attention"].values[: len(words)], scene["right"].values[: len(words)]
    return Spoken(scene["image"].values / 255, words, maps, boxes, [bool(one) for one in right_words])


def wilson(hits: np.ndarray) -> tuple[float, float]:
    """95 % interval of a share (Wilson); NaN for none."""
    if not len(hits):
        return np.nan, np.nan
    found = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return found.low, found.high


def _by_digit(found: xr.Dataset) -> Plate:
    labels = found["label"].values
    chosen = [labels == digit for digit in range(len(NAMES))]
    given = []
    arrays: dict[str, np.ndarray] = {}
    for number, seed in enumerate(found["seed"].values):
        hits = [found["hits"].values[number][one] for one in chosen]
        values = np.array([one.mean() if len(one) else np.nan for one in hits])
        low, high = np.array([wilson(one) for one in hits]).T
        given.append(Dots(f"seed {seed}", values, low, high))
        arrays |= {f"seed_{seed}": values, f"seed_{seed}_low": low, f"seed_{seed}_high": high}
    others = found["others_hits"].values.mean(0)
    control = np.array([others[one].mean() if one.any() else np.nan for one in chosen])
    return Plate(
        plate_name("attend", "scenes", "pointing"),
        "How often the map points at the digit that the word names",
        "Share of the test scenes in which the largest place of the map, before a digit's name is written, lies in "
        "that digit's true box. The upright lines are the same for the maps of all other scenes.",
        dots(
            NAMES, given, [Control("maps of other scenes", control)],
            x_label="share of maps that point into the true box", interval=INTERVAL,
        ),
        arrays | {"shuffled": control},
    )  # fmt: skip


def _table(found: xr.Dataset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    names = ("hits", "others_hits", "shares", "others_shares")
    for digit, position in enumerate(POSITIONS):
        here = found.isel(digit=digit)
        for number, seed in enumerate(found["seed"].values):
            one = here.isel(seed=number)
            low, high = wilson(one["hits"].values)
            hits, others, shares, other_shares = (percent(float(one[name].mean())) for name in names)
            right = (percent(float(one[name])) for name in ("words_right", "texts_right"))
            rows.append((f"{position}, seed {seed}", *right, hits, f"{percent(low)} to {percent(high)}", others, shares,
                         other_shares))  # fmt: skip
        means = [here[name].mean("scene").values for name in names]
        right_of = [here["words_right"].values, here["texts_right"].values]
        rows += [(f"{position}, {row[0]}", *row[1:]) for row in over_seeds([*right_of, means[0], None, *means[1:]])]
    columns = (
        "digit", "words right", "captions right", "points at it", "95 % interval", "maps of others", "attention inside",
        "of others",
    )  # fmt: skip
    area = float(np.prod(found["box"].values[0, 0, 2:] - found["box"].values[0, 0, :2]))
    note = (
        f"Over {found.sizes['scene']:,} test scenes of digits that no training scene shows. Points at it: the largest "
        "place of the map before the digit's name lies in its true box; attention inside: share of the map in the box, "
        f"which is {percent(area)} of the scene. Of others: the maps of all other scenes, which hold what the places "
        "have in common. Words right: given the true ones before; captions right: written alone."
    )
    return Table("Pointing of a captioner", columns, tuple(rows), note)
