"""What a finished step hands to the report."""

from dataclasses import dataclass

from jobs.figures.plate import Plate
from jobs.report.page import Table


@dataclass(frozen=True)
class Presentation:
    """Figures by section, tables and warnings of one step."""

    plates: tuple[tuple[str, Plate], ...] = ()
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()
