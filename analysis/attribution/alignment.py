"""Does attention look where the truth is? Links against those of a reference, peaks of maps against boxes.

Sure and possible links and their error rate: Och & Ney, 2003, "A Systematic Comparison of Various Statistical Alignment
Models", Computational Linguistics 29(1). The pointing game: Zhang et al., 2016, arXiv:1608.00507.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class Alignment(NamedTuple):
    """How found links agree with the reference, each in 0 to 1."""

    error_rate: float
    """1 - (|found and sure| + |found and possible|) / (|found| + |sure|): 0 is best."""
    precision: float
    """Share of the found links that are possible."""
    recall: float
    """Share of the sure links that are found."""


def largest_links(
    attention: Float[np.ndarray, "*texts targets sources"], aligned: Bool[np.ndarray, "*texts targets"]
) -> Bool[np.ndarray, "*texts targets sources"]:
    """Each aligned target word with the source word it attends to most, the first of equals; other rows are empty."""
    largest = attention.argmax(-1)[..., None] == np.arange(attention.shape[-1])
    return largest & aligned[..., None]


def alignment(
    found: Bool[np.ndarray, "*texts targets sources"],
    sure: Bool[np.ndarray, "*texts targets sources"],
    possible: Bool[np.ndarray, "*texts targets sources"],
) -> Alignment:
    """Scores over the links of all texts together; a sure link is possible whether or not `possible` has it.

    Raises ValueError where nothing was found or nothing is sure.
    """
    if not found.any() or not sure.any():
        raise ValueError(f"{found.sum()} found and {sure.sum()} sure links: an alignment needs at least one of both.")
    right, allowed = int((found & sure).sum()), int((found & (sure | possible)).sum())
    links, wanted = int(found.sum()), int(sure.sum())
    return Alignment(1 - (right + allowed) / (links + wanted), allowed / links, right / wanted)


class Pointing(NamedTuple):
    """Each map against its own box and, as the control, each box against the maps of all others."""

    hits: Bool[np.ndarray, " maps"]
    """Whether the map's largest cell, the first of equals, lies in its box."""
    others_hits: Float[np.ndarray, " maps"]
    """Share of the other maps whose largest cell lies in this box: the accuracy to expect of shuffled maps."""
    shares: Float[np.ndarray, " maps"]
    """Share of the map's sum inside its box."""
    others_shares: Float[np.ndarray, " maps"]
    """Mean over the other maps of their share inside this box."""


def pointing(maps: Float[np.ndarray, "maps height width"], boxes: Float[np.ndarray, "maps 4"]) -> Pointing:
    """Do maps, at least 0 and somewhere more, point at their boxes (top, left, bottom, right; 0 to 1 of the image)?

    A cell belongs to a box by its center. The control pairs every box with every other map, without random numbers: it
    holds whatever the places have in common. Raises ValueError for fewer than 2 maps.
    """
    count, height, width = maps.shape
    if count < 2:
        raise ValueError(f"{count} maps cannot be shuffled: give at least 2.")
    top, left, bottom, right = boxes.T[:, :, None, None]
    y, x = ((np.arange(height) + 0.5) / height)[:, None], (np.arange(width) + 0.5) / width
    inside = ((top <= y) & (y < bottom) & (left <= x) & (x < right)).reshape(count, -1)
    flat = maps.reshape(count, -1).astype(np.float64)
    hits = inside[:, flat.argmax(1)]
    shares = inside @ (flat / flat.sum(1, keepdims=True)).T
    return Pointing(hits.diagonal().copy(), _others(hits), shares.diagonal().copy(), _others(shares))


def _others(pairs: np.ndarray) -> Float[np.ndarray, " boxes"]:
    """Mean of each row without its diagonal element."""
    return (pairs.sum(1) - pairs.diagonal()) / (len(pairs) - 1)
