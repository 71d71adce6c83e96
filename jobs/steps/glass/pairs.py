"""Two networks of a population, before and after the channels of the second are brought into the order of the first.

The control is the same alignment of the two untrained networks: matching finds some order in anything.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from analysis.dynamics.channel_alignment import matched_channels, reordered, weight_cosine
from analysis.dynamics.straight_line import along_the_line
from jobs.evenly import evenly
from jobs.steps.glass.options import GlassOptions
from jobs.steps.population import member
from jobs.steps.step import Arrays
from jobs.steps.subjects import Subject

if TYPE_CHECKING:
    from jobs.views import Views


def pair(subject: Subject, seed_a: int, seed_b: int, options: GlassOptions, views: "Views") -> Arrays:
    """Cosines (trained, untrained) x (as they are, aligned); loss and accuracy along the line, (order, point, 2).

    Raises ValueError for a network whose channels may not change places.
    """
    shares = np.linspace(0, 1, options.points)
    train = subject.data.train.images
    train = train[evenly(len(train), options.images)]
    rows = evenly(len(subject.data.test.images), options.images)
    test = subject.data.test.images[rows], subject.data.test.labels[rows]
    a, b = (member(subject, seed, views).net for seed in (seed_a, seed_b))
    orders = [b, _aligned(a, b, train)] if options.align else [b]
    starts = subject.start(seed_a), subject.start(seed_b)
    cosines = [[weight_cosine(a, other) for other in orders]]
    untrained = [starts[1], _aligned(*starts, train)] if options.align else [starts[1]]
    cosines.append([weight_cosine(starts[0], other) for other in untrained])
    lines = [along_the_line(a, other, shares, test, train) for other in orders]
    return {"cosine": np.array(cosines), "line": np.array(lines), "share": shares}


def _aligned(a: nn.Module, b: nn.Module, images: Tensor) -> nn.Module:
    with torch.no_grad():
        return reordered(b, matched_channels(a, b, images))
