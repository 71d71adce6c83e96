"""All numbers of a translator's attention: the test dates, where each training looked, and how far that is true."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from analysis.attribution.alignment import alignment, largest_links
from jobs.steps.attend.training import Told
from jobs.texts.date_pairs import DatePair, true_links
from jobs.texts.dates import Links

DRAWS = 1000
"""Bootstrap samples of an error rate's interval."""

Truth = Bool[np.ndarray, "texts steps places"]


def dataset(found: Told, pairs: Sequence[DatePair], seeds: tuple[int, ...], draws: int) -> xr.Dataset:
    """Dimensions seed, text, step, place, control; scores of every training, and of every two languages."""
    truth = true_links(pairs, *found.attention.shape[2:])
    languages = [f"{pair.source_language} to {pair.target_language}" for pair in pairs]
    names = sorted(set(languages))
    of_pair = np.array([names.index(language) for language in languages])
    variables: dict[str, Any] = {
        "attention": (("seed", "text", "step", "place"), found.attention),
        "sure": (("text", "step", "place"), truth.sure), "possible": (("text", "step", "place"), truth.possible),
        "source": (("text", "place"), _words([[t.text for t in pair.source] for pair in pairs], truth.sure.shape[2])),
        "target": (("text", "step"), _words([[t.text for t in pair.target] for pair in pairs], truth.sure.shape[1])),
        "source_language": ("text", [pair.source_language for pair in pairs]),
        "target_language": ("text", [pair.target_language for pair in pairs]),
        "words_right": ("seed", _words_right(found.right, pairs)), "texts_right": ("seed", found.whole.mean(1)),
    }  # fmt: skip
    each = [scores(attention, truth, of_pair, draws) for attention in found.attention]
    for name, values in {name: np.array([one[name] for one in each]) for name in each[0]}.items():
        variables[name] = (("seed", "languages") if values.ndim == 2 else ("seed",), values)
    return xr.Dataset(variables, coords={"seed": list(seeds), "languages": names})


def scores(
    attention: Float[np.ndarray, "texts steps places"], truth: Links, of_pair: Int[np.ndarray, " texts"], draws: int
) -> dict[str, Any]:
    """Error rates of one training: of all texts with interval and controls, and of the texts of every two languages."""
    aligned = np.any(truth.possible, axis=-1)
    links = largest_links(attention, aligned)
    counts = link_counts(links, truth)
    all_of_it = alignment(links, *truth)
    low, high = _interval(counts, draws)
    within = link_counts(_links_of(attention, truth, others_within(of_pair)), truth)
    every = [of_pair == pair for pair in range(of_pair.max() + 1)]
    bounds = [_interval(counts[here], draws) for here in every]
    return {
        "error_rate": all_of_it.error_rate, "error_rate_low": low, "error_rate_high": high,
        "precision": all_of_it.precision, "recall": all_of_it.recall,
        "shuffled": _rate(link_counts(_links_of(attention, truth, np.roll(np.arange(len(of_pair)), 1)), truth)),
        "shuffled_within": _rate(within),
        "error_rate_by_pair": [_rate(counts[here]) for here in every],
        "by_pair_low": [low for low, _ in bounds], "by_pair_high": [high for _, high in bounds],
        "shuffled_by_pair": [_rate(within[here]) for here in every],
    }  # fmt: skip


def link_counts(links: Truth, truth: Links) -> Int[np.ndarray, "texts 2"]:
    """Of each text the sum of right and allowed links, and that of found and sure ones: 1 - their ratio is the rate."""
    right, allowed = (links & truth.sure).sum((1, 2)), (links & (truth.sure | truth.possible)).sum((1, 2))
    return np.stack([right + allowed, links.sum((1, 2)) + truth.sure.sum((1, 2))], axis=1)


def others_within(of_pair: Int[np.ndarray, " texts"]) -> Int[np.ndarray, " texts"]:
    """For each text the one before it of the same two languages; for the first the last, itself where it is alone."""
    found = np.arange(len(of_pair))
    for pair in np.unique(of_pair):
        here = np.flatnonzero(of_pair == pair)
        found[here] = np.roll(here, 1)
    return found


def _links_of(attention: np.ndarray, truth: Links, texts: Int[np.ndarray, " texts"]) -> Truth:
    """The links of each text where it has the attention to another."""
    return largest_links(attention[texts], np.any(truth.possible, axis=-1))


def _rate(counts: Int[np.ndarray, "texts 2"]) -> float:
    right, links = counts.sum(0)
    return float(1 - right / links)


def _interval(counts: Int[np.ndarray, "texts 2"], draws: int) -> tuple[float, float]:
    """95 % bootstrap interval of the error rate over texts."""
    generator = np.random.default_rng(draws)
    weights = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=DRAWS)
    right, links = (weights @ counts).T
    low, high = np.percentile(1 - right / links, [2.5, 97.5])
    return float(low), float(high)


def _words_right(right: Bool[np.ndarray, "seeds texts steps"], pairs: Sequence[DatePair]) -> np.ndarray:
    """Share of the words, with each text's end, that are right given the true ones before."""
    lengths = np.array([len(pair.target) + 1 for pair in pairs])
    real = np.arange(right.shape[2]) < lengths[:, None]
    return np.array([one[real].mean() for one in right])


def _words(texts: Sequence[Sequence[str]], length: int) -> np.ndarray:
    """(texts, length), empty after a text's end."""
    return np.array([[*text, *[""] * (length - len(text))] for text in texts])
