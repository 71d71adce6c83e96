"""What a finished step hands to the report, and what it may look at to draw it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from jobs.figures.plate import Plate
from jobs.report.page import Table


@dataclass(frozen=True)
class Presentation:
    """Figures by section, tables and warnings of one step."""

    plates: tuple[tuple[str, Plate], ...] = ()
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Views:
    """What a step may look at besides its results: the loaded networks."""

    net: Callable[[str], nn.Module]
