"""Figures and the table of a translator's attention: alignments of some dates, error rates by languages."""

from itertools import product
from typing import TYPE_CHECKING

import xarray as xr

from jobs.figures.alignments import Aligned, alignments
from jobs.figures.dots import Control, Dots, dots
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, percent
from jobs.report.page import Table
from jobs.steps.attend.seeds import over_seeds
from jobs.steps.presentation import Presentation
from jobs.texts.dates import language_name

if TYPE_CHECKING:
    from jobs.steps.attend.options import DatesAttention

SECTION = "Attention of a translator"
INTERVAL = "95 % bootstrap interval over dates"


def presentation(options: "DatesAttention", found: xr.Dataset) -> Presentation:
    """Alignments of the first training, error rates of all, and their table."""
    return Presentation(((SECTION, _alignments(options, found)), (SECTION, _by_languages(found))), (_table(found),))


def drawn_texts(options: "DatesAttention", found: xr.Dataset) -> list[int]:
    """The first text of as many pairs of languages as there are, both changing from one to the next; then others."""
    sources, targets = options.data.sources, options.data.targets
    turns = [(sources[n % len(sources)], targets[n % len(targets)]) for n in range(len(sources) * len(targets))]
    wanted = dict.fromkeys([*turns, *product(sources, targets)])
    there = list(zip(found["source_language"].values, found["target_language"].values, strict=True))
    first = [there.index(pair) for pair in wanted if pair in there]
    return list(dict.fromkeys([*first, *range(len(there))]))[: options.drawn]


def _alignments(options: "DatesAttention", found: xr.Dataset) -> Plate:
    texts = drawn_texts(options, found)
    first = found.isel(seed=0)
    return Plate(
        plate_name("attend", "dates"),
        "Which word of a date the translator looks at for each word that it writes",
        "What is read stands above the columns, what is written before the rows, word by word from the top; a row is "
        "where the network looks before it writes, and sums to 1. Framed: the word that says the same, known from the "
        "languages' formats. A bright cell in every frame is a true alignment; rows without a frame are marks and "
        f"words of the format alone. Training with seed {int(first['seed'])}.",
        alignments([_aligned(first.isel(text=text)) for text in texts]),
        {name: first[name].values[texts] for name in ("attention", "sure", "possible", "source", "target")},
    )


def _aligned(text: xr.Dataset) -> Aligned:
    source, target = ([str(word) for word in text[side].values if word] for side in ("source", "target"))
    weights, sure, possible = (
        text[name].values[: len(target), : len(source)] for name in ("attention", "sure", "possible")
    )
    title = " to ".join(language_name(text[f"{side}_language"].item()) for side in ("source", "target"))
    return Aligned(title, weights, source, target, sure, possible)


def _by_languages(found: xr.Dataset) -> Plate:
    names = [str(name) for name in found["languages"].values]
    given = [
        Dots(f"seed {int(one['seed'])}", one["error_rate_by_pair"].values, one["by_pair_low"].values,
             one["by_pair_high"].values)
        for one in (found.isel(seed=number) for number in range(found.sizes["seed"]))
    ]  # fmt: skip
    control = found["shuffled_by_pair"].values.mean(0)
    return Plate(
        plate_name("attend", "dates", "errors"),
        "Alignment error rate by languages",
        "Share of disagreement between the words that the translator looked at most and the true ones: 0 is a perfect "
        "alignment. The upright lines are the same for the attention to another date in the same two languages, which "
        "tells how much follows from the formats alone.",
        dots(
            names, given, [Control("another date, same languages", control)],
            x_label="alignment error rate", interval=INTERVAL,
        ),
        {name: found[name].values for name in ("error_rate_by_pair", "by_pair_low", "by_pair_high",
                                               "shuffled_by_pair", "languages")},
    )  # fmt: skip


def _table(found: xr.Dataset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for number, seed in enumerate(found["seed"].values):
        one = found.isel(seed=number)
        interval = f"{percent(float(one['error_rate_low']))} to {percent(float(one['error_rate_high']))}"
        shares = ("words_right", "texts_right", "error_rate")
        controls = ("shuffled", "shuffled_within", "precision", "recall")
        rows.append((f"seed {seed}", *(percent(float(one[name])) for name in shares), interval,
                     *(percent(float(one[name])) for name in controls)))  # fmt: skip
    names = ("words_right", "texts_right", "error_rate", None, "shuffled", "shuffled_within", "precision", "recall")
    rows += over_seeds([None if name is None else found[name].values for name in names])
    columns = (
        "training", "words right", "dates right", "alignment error", "95 % interval", "of another date",
        "of another, same languages", "precision", "recall",
    )  # fmt: skip
    note = (
        f"Over {found.sizes['text']:,} test dates. Words right: given the true ones before; dates right: written from "
        "the language alone. Alignment error (Och & Ney, 2003): links from each word to the one it looked at most, "
        "against the true ones; the interval is a bootstrap over dates. Of another date: the same error where every "
        "date has the attention to another, of any languages or of its own two."
    )
    return Table("Alignment of a translator", columns, tuple(rows), note)
