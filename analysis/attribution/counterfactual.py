"""Why this class and not another? The fewest windows of an image that, once covered, turn what the network says.

Two windows that change nothing alone may change all together, so every set is judged by a forward pass of its own. The
search is greedy, then takes out again what is not needed, then tries all smaller sets where they are few: it says
whether a smaller set may have been missed. (As for words of a document in Martens & Provost, 2014, Explaining
data-driven document classifications, MISQ 38.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from analysis.attribution.covered_sets import Run

Sets = Bool[Tensor, "sets windows"]
"""Which windows are covered in each."""


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A set of windows and what covering it does."""

    windows: tuple[int, ...]
    """Ascending. No window can be left out, unless nothing flips: then as many as the search was allowed."""
    before: int
    """The class of the image, and below of the image with these windows covered."""
    after: int
    probabilities_before: Float[Tensor, " classes"]
    """By a softmax of the logits, 0-1."""
    probabilities_after: Float[Tensor, " classes"]
    flipped: bool
    """The class has changed, to the one asked for where one was."""
    at_least: int
    """Every set with fewer windows than this was tried and does not flip."""
    passes: int
    """Sets that were run."""

    @property
    def smallest(self) -> bool:
        """No smaller set flips: proven, not only not found."""
        return self.flipped and len(self.windows) == self.at_least

    def sentence(self, classes: Sequence[str], windows: Sequence[str]) -> str:
        """'x because of a and b; without them z', by the names of all classes and of all windows."""
        *others, last = [windows[window] for window in self.windows]
        named = f"{', '.join(others)} and {last}" if others else last
        x, z = classes[self.before], classes[self.after]
        if not self.flipped:
            return f"{x}, and {z} without {named} too" if x == z else f"{x}, and {z} without {named}"
        return f"{x} because of {named}; without {'them' if others else 'it'} {z}"


def smallest_flip(
    run: Run,
    windows: int,
    *,
    scores: Float[Tensor, "windows classes"] | None = None,
    to: int | None = None,
    largest: int | None = None,
    exhaustive: int = 5_000,
    batch: int = 64,
) -> Counterfactual:
    """The fewest windows of one image that, covered together, change its class.

    run: logits with sets of windows covered, as from `covered_sets.occluding`. scores: logits with each window covered
    alone, where a sweep has them already: windows that flip by them are run all the same, the rest is taken at their
    word. to: the class to change to; any other by default. largest: windows covered at most. exhaustive: passes for
    trying all sets smaller than what the greedy search found. Of sets of one size that flip, the one with the largest
    margin is given. An equal logit is no flip. Raises ValueError for fewer windows than 1, scores of another number,
    and an image that is of class `to`.
    """
    search = _Search(run, windows, to, batch)
    if scores is not None and len(scores) != windows:
        raise ValueError(f"There are scores of {len(scores)} windows and {windows} windows: give one for each.")
    alone = torch.eye(windows, dtype=torch.bool)
    margins = search.margins(alone) if scores is None else search.margin(scores)
    if scores is not None and bool((margins > 0).any()):
        margins[margins > 0] = search.margins(alone[margins > 0])
    most = min(largest or windows, windows)
    found, flipped = search.greedy(alone[margins.argmax()], most)
    found = search.pruned(found) if flipped else found
    sizes = range(2, int(found.sum()) if flipped else most + 1)
    smaller, at_least = search.exhausted(sizes, exhaustive)
    return search.outcome(found if smaller is None else smaller, 1 if margins.max() > 0 else at_least)


class _Search:
    """Runs sets, counts them, and says by how much each flips the class."""

    def __init__(self, run: Run, windows: int, to: int | None, batch: int) -> None:
        if windows < 1:
            raise ValueError(f"There are {windows} windows: give at least one.")
        self.run, self.windows, self.to, self.batch, self.passes = run, windows, to, batch, 0
        self.clean = self.logits(torch.zeros(1, windows, dtype=torch.bool))[0]
        self.before = int(self.clean.argmax())
        if to == self.before:
            raise ValueError(f"The image is of class {to} already: give another class to change to.")

    def logits(self, sets: Sets) -> Float[Tensor, "sets classes"]:
        self.passes += len(sets)
        return torch.cat([self.run(part).cpu() for part in sets.split(self.batch)])

    def margin(self, logits: Float[Tensor, "sets classes"]) -> Float[Tensor, " sets"]:
        """Logit of the class asked for less the largest other; of any other class less that of the image's."""
        logits = logits.detach().cpu()
        one = self.before if self.to is None else self.to
        others = logits.clone()
        others[:, one] = -torch.inf
        rivals = others.amax(1) - logits[:, one]
        return rivals if self.to is None else -rivals

    def margins(self, sets: Sets) -> Float[Tensor, " sets"]:
        return self.margin(self.logits(sets))

    def greedy(self, covered: Bool[Tensor, " windows"], largest: int) -> tuple[Bool[Tensor, " windows"], bool]:
        """Windows added one by one, each the one that brings the flip nearest, until it comes; and whether it came."""
        flipped = bool(self.margins(covered[None])[0] > 0)
        while not flipped and int(covered.sum()) < largest:
            wider = covered | torch.eye(self.windows, dtype=torch.bool)[~covered]
            margins = self.margins(wider)
            covered, flipped = wider[margins.argmax()], bool(margins.max() > 0)
        return covered, flipped

    def pruned(self, covered: Bool[Tensor, " windows"]) -> Bool[Tensor, " windows"]:
        """A flipping set without the windows that it does not need, each time the one that it needs least."""
        while int(covered.sum()) > 1:
            narrower = covered & ~torch.eye(self.windows, dtype=torch.bool)[covered]
            margins = self.margins(narrower)
            if margins.max() <= 0:
                break
            covered = narrower[margins.argmax()]
        return covered

    def best(self, candidates: Iterable[tuple[int, ...]]) -> tuple[Bool[Tensor, " windows"], float]:
        """The set with the largest margin."""
        best, most, left = torch.zeros(self.windows, dtype=torch.bool), -torch.inf, iter(candidates)
        while chosen := list(islice(left, self.batch)):
            sets = torch.zeros(len(chosen), self.windows, dtype=torch.bool)
            sets.scatter_(1, torch.tensor(chosen), True)
            margins = self.margins(sets)
            if margins.max() > most:
                best, most = sets[margins.argmax()], float(margins.max())
        return best, most

    def exhausted(self, sizes: range, most: int) -> tuple[Bool[Tensor, " windows"] | None, int]:
        """The first flipping set of all of these sizes within `most` runs, and the size that none is smaller than."""
        spent, at_least = 0, sizes.start
        for size in sizes:
            spent += comb(self.windows, size)
            if spent > most:
                break
            best, margin = self.best(combinations(range(self.windows), size))
            if margin > 0:
                return best, at_least
            at_least = size + 1
        return None, at_least

    def outcome(self, covered: Bool[Tensor, " windows"], at_least: int) -> Counterfactual:
        logits = self.logits(covered[None])[0]
        return Counterfactual(
            tuple(covered.nonzero()[:, 0].tolist()),
            self.before,
            int(logits.argmax()),
            self.clean.softmax(0),
            logits.softmax(0),
            bool(self.margin(logits[None])[0] > 0),
            at_least,
            self.passes,
        )
