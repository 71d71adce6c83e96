"""Two tables of a population: does the energy repeat, and does the optimum? Beside the LeNet-5s of others."""

from typing import TYPE_CHECKING

import numpy as np

from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.glass.datasets import agreement
from jobs.steps.seed_means import mean_cell
from jobs.steps.step import Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.glass.step import Glass

Rows = list[tuple[Cell, ...]]

PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
PUBLISHED = "LeNet-5, published"
PUBLISHED_NOTE = " The last row is what others' trainings on MNIST gave."


def tables(step: "Glass", plan: "Plan", results: Results) -> tuple[Table, Table]:
    """Losses, errors and answers of the networks; angles and losses between two of them."""
    published = any(plan.nets[net].arch == "lenet5" for net in step.nets)
    return _ends(step, published), _between(step, results, published)


def _ends(step: "Glass", published: bool) -> Table:
    rows: Rows = []
    for net in step.nets:
        trained = step.trained[net]
        loss, error = trained["loss"].values, 100 * trained["error"].values
        shares = 100 * np.nanmean(agreement(trained["said"].values, trained["label"].values), 0)
        rows.append((net, len(loss), _spread(loss, 4), _spread(error, 3), *(f"{share:.2f}" for share in shares)))
    if published:
        rows.append((PUBLISHED, 25, f"0.0281{PLUS_MINUS}0.0012", f"0.910{PLUS_MINUS}0.056", None, None, None))
    columns = (
        "network",
        "number",
        "test loss",
        "error in %",
        "same answers, %",
        "by chance, %",
        "mistakes in common, %",
    )
    note = (
        "Loss (nats) and error: mean ± standard deviation over networks. Same answers: test images of which two "
        "networks say the same, beside what independent mistakes would give; mistakes in common: of the images that "
        "either gets wrong those that both do; means over all pairs."
    ) + (PUBLISHED_NOTE if published else "")
    return Table("Where trainings end", columns, tuple(rows), note)


def _between(step: "Glass", results: Results, published: bool) -> Table:
    def of_pairs(values: np.ndarray) -> Cell:
        return mean_cell(values) if step.options.independent else float(values.mean())

    rows: Rows = []
    for net in step.nets:
        pairs = results[f"{net}--pairs"]
        for number, order in enumerate(pairs["order"].values):
            highest = pairs["loss"].values[:, number].max(1)
            rows.append((
                f"{net}, {order}", of_pairs(pairs["cosine"].values[:, 0, number]),
                of_pairs(pairs["cosine"].values[:, 1, number]), float(highest.mean()), float(highest.max()),
                of_pairs(pairs["barrier"].values[:, number]),
            ))  # fmt: skip
    if published:
        rows.append((PUBLISHED, "about 0", None, None, "1.1-1.3", None))
    columns = ("network", "cosine", "cosine of the untrained", "highest loss", "at most", "barrier")
    note = (
        "Cosine of all weights, highest loss on the straight line between two networks, and the barrier (how far the "
        "loss there rises above the line between its ends), in nats: means over "
        f"{len(step.options.chosen_pairs())} pairs with 95 % intervals, unless pairs share networks. Aligned: the "
        "second network's channels in the order of the first; batch norms are taken anew between two networks."
    ) + (PUBLISHED_NOTE if published else "")
    return Table("Between two trainings", columns, tuple(rows), note)


def _spread(values: np.ndarray, digits: int) -> str:
    return f"{values.mean():.{digits}f}{PLUS_MINUS}{values.std(ddof=1):.{digits}f}"
