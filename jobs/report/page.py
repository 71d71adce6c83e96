"""The report of a study: one static page that opens from disk and asks no network for anything.

All text is escaped; the style is inline; pictures are the plates beside it in `figures/`, by relative address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from urllib.parse import quote, urlsplit

import jinja2

from cluster.blobs import Blobs
from jobs.report.cells import Cell, Measured, duration, number, percent, shown
from jobs.report.sparkline import TrainingCurve, sparkline

PAGE = "report/index.html"
SCHEMES = ("", "http", "https", "s3")  # of links that a reader may follow; the page itself loads none of them

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class NetworkRow:
    """One network of the study."""

    name: str
    arch: str
    parameters: int
    top1: float | None
    """Share of the test images in 0-1 whose class comes first; None where there are no labels."""
    top5: float | None
    weights: str
    """Where the weights come from: a file with its digest, or the recipe."""
    curve: TrainingCurve | None = None


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class PlateEntry:
    """A plate of the run, as the page shows it."""

    section: str
    name: str
    title: str
    how_to_read: str
    animated: bool = False
    """Whether there is a GIF beside it."""


@dataclass(frozen=True)
class Report:
    """All that the page says."""

    title: str
    summary: Facts
    networks: Sequence[NetworkRow]
    images: Facts
    versions: Facts
    seconds: float
    layer_tables: Sequence[Table]
    plates: Sequence[PlateEntry]
    links: Sequence[tuple[str, str]]
    """Label and address: a path relative to `report/`, unquoted, or an address with a scheme."""
    warnings: Sequence[str] = ()


def render(report: Report) -> str:
    """The page as HTML. Equal reports give equal text.

    Raises ValueError for a table whose rows and columns differ in number and for a link that a page must not hold.
    """
    for table in report.layer_tables:
        ragged = [row for row in table.rows if len(row) != len(table.columns)]
        if ragged:
            raise ValueError(f"Table {table.title!r} has {len(table.columns)} columns but a row {ragged[0]!r}.")
    template = _environment().get_template("index.html.j2")
    return template.render(
        report=report,
        links=[(label, _address(href)) for label, href in report.links],
        sections=_sections(report.plates),
        tables=[(table, _has_floors(table)) for table in report.layer_tables],
    )


def write_report(report: Report, blobs: Blobs) -> None:
    """Write `report/index.html`. Raises FileNotFoundError where a plate that it shows was not saved before."""
    wanted = [f"figures/{plate.name}.{suffix}" for plate in report.plates for suffix in ("svg", "png", "npz")]
    wanted += [f"figures/{plate.name}.gif" for plate in report.plates if plate.animated]
    missing = [name for name in wanted if not blobs.exists(name)]
    if missing:
        raise FileNotFoundError(f"The report shows {missing[0]}, which the run does not hold. Save plates first.")
    blobs.write(PAGE, render(report).encode())


def _sections(plates: Sequence[PlateEntry]) -> list[tuple[str, list[tuple[int, PlateEntry]]]]:
    """Plates by section, in the order in which sections first occur, numbered through."""
    order = list(dict.fromkeys(plate.section for plate in plates))
    ranked = sorted(plates, key=lambda plate: order.index(plate.section))
    numbered = list(enumerate(ranked, start=1))
    return [(section, list(group)) for section, group in groupby(numbered, key=lambda pair: pair[1].section)]


def _has_floors(table: Table) -> bool:
    """Intervals beside floors are over images, floors of permuted ones; other tables say of theirs what they are."""
    measured = [cell for row in table.rows for cell in row if isinstance(cell, Measured)]
    return any(cell.low is not None and cell.floor is not None for cell in measured)


def _address(href: str) -> str:
    scheme = urlsplit(href).scheme
    if scheme not in SCHEMES or href.startswith(("/", "\\")):
        raise ValueError(f"The report links to {href!r}; give a path relative to report/, or http, https or s3.")
    return href if scheme else quote(href, safe="/~+,;=@")


def _environment() -> jinja2.Environment:
    def source(name: str) -> str:
        return files("jobs.report").joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=shown, number=number, percent=percent, duration=duration, sparkline=sparkline, path=quote
    )
    return environment
