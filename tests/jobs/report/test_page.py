"""The page: escaped, complete, with no dead link and nothing from elsewhere."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from cluster.folder import Folder
from jobs.report.cells import Measured
from jobs.report.page import PAGE, NetworkRow, PlateEntry, Report, Table, render, write_report
from jobs.report.sparkline import TrainingCurve
from tests.jobs.report.planted import planted_plates, planted_report, write_planted

HOSTILE = "<script>alert('x')</script>\"&"
EMPTY = Report("empty", [], [], [], [], 0.0, [], [], [])


class Found(HTMLParser):
    """Tags, text and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.described: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if found.get("id") else []  # type: ignore[list-item]
        self.references += [value for key in ("href", "src") if (value := found.get(key)) is not None]
        self.described += [
            name for key in ("aria-labelledby", "aria-describedby") for name in (found.get(key) or "").split()
        ]
        if tag == "img":
            self.images.append(found)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_text_is_escaped() -> None:
    curve = TrainingCurve([0.1, 0.9], [0.1, 0.8])
    report = Report(
        title=HOSTILE,
        summary=[(HOSTILE, HOSTILE)],
        networks=[NetworkRow(HOSTILE, HOSTILE, 1, None, None, HOSTILE, curve)],
        images=[(HOSTILE, HOSTILE)],
        versions=[(HOSTILE, HOSTILE)],
        seconds=1.0,
        layer_tables=[Table(HOSTILE, [HOSTILE, HOSTILE], [[HOSTILE, HOSTILE]], HOSTILE)],
        plates=[PlateEntry(HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
        links=[(HOSTILE, "../" + HOSTILE)],
        warnings=[HOSTILE],
    )
    page = render(report)
    found = Found(page)
    assert "script" not in found.tags
    # title twice, three pairs of facts, three cells of the network, five of the table, three of the plate and the
    # contents, a link and a warning
    assert found.text.count(HOSTILE) == 2 + 6 + 3 + 6 + 4 + 1 + 1
    assert {image["alt"] for image in found.images} == {f"{HOSTILE}: figure, described below"}


def test_equal_reports_give_equal_pages() -> None:
    plates = planted_plates()
    assert render(planted_report(plates)) == render(planted_report(plates))


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    write_planted(tmp_path)
    page = tmp_path / PAGE
    found = Found(page.read_text(encoding="utf-8"))
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) <= set(found.ids)
    local = [reference for reference in found.references if not reference.startswith("data:")]
    assert len(local) > 30
    for reference in local:
        path, _, anchor = reference.partition("#")
        assert not path or (page.parent / unquote(path)).resolve().is_file(), reference
        assert not anchor or anchor in found.ids, reference


def test_the_page_shows_every_plate_number_and_warning(tmp_path: Path) -> None:
    report = write_planted(tmp_path)
    found = Found((tmp_path / PAGE).read_text(encoding="utf-8"))
    assert [image["src"] for image in found.images] == [f"../figures/{plate.name}.svg" for plate in report.plates]
    for text in (*report.warnings, *(plate.how_to_read for plate in report.plates), "61,706", "2 min 14 s"):
        assert text in found.text
    for cell in (cell for row in report.layer_tables[0].rows for cell in row if isinstance(cell, Measured)):
        assert f"{cell.value:.3f} [{cell.low:.3f}, {cell.high:.3f}] floor {cell.floor:.3f}" in found.text


def test_sections_keep_their_plates_together_and_number_them_through() -> None:
    plates = [PlateEntry(section, f"p{number}", f"plate {number}", "how") for number, section in enumerate("abab")]
    text = Found(render(replace(EMPTY, plates=plates))).text
    order = [text.index(f"Figure {number}. plate {plate}.") for number, plate in enumerate((0, 2, 1, 3), start=1)]
    assert order == sorted(order)


def test_an_empty_report_is_a_page() -> None:
    assert "empty" in Found(render(EMPTY)).text


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "/etc/passwd", "//elsewhere.org/x", "file:///etc", "data:text/html,x"]
)
def test_links_that_a_page_must_not_hold_are_refused(href: str) -> None:
    with pytest.raises(ValueError, match="relative to report/"):
        render(replace(EMPTY, links=[("label", href)]))


def test_links_to_odd_names_and_to_buckets_are_kept() -> None:
    page = render(replace(EMPTY, links=[("odd", "../results/a b#1?.zarr"), ("far", "s3://bucket/runs/x")]))
    assert {"../results/a%20b%231%3F.zarr", "s3://bucket/runs/x"} <= set(Found(page).references)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns but a row"):
        render(replace(EMPTY, layer_tables=[Table("t", ["a", "b"], [["x"]])]))


def test_a_page_is_not_written_without_its_figures(tmp_path: Path) -> None:
    report = replace(EMPTY, plates=[PlateEntry("s", "absent", "title", "how")])
    with pytest.raises(FileNotFoundError, match=r"figures/absent\.svg"):
        write_report(report, Folder(tmp_path))
    assert not (tmp_path / PAGE).exists()


def test_an_animation_is_linked_and_must_be_there(tmp_path: Path) -> None:
    blobs, moving = Folder(tmp_path), PlateEntry("s", "moving", "title", "how", animated=True)
    assert "../figures/moving.gif" in Found(render(replace(EMPTY, plates=[moving]))).references
    assert "gif" not in render(replace(EMPTY, plates=[replace(moving, animated=False)]))
    for suffix in ("svg", "png", "npz"):
        blobs.write(f"figures/moving.{suffix}", b"")
    with pytest.raises(FileNotFoundError, match=r"figures/moving\.gif"):
        write_report(replace(EMPTY, plates=[moving]), blobs)


def test_only_numbers_with_a_floor_are_said_to_have_intervals_over_images() -> None:
    def page(cell: Measured) -> str:
        return render(
            replace(EMPTY, layer_tables=[Table("seeds", ("network", "error"), (("a", cell),), "Of 5 seeds.")])
        )

    assert "bootstrap" in page(Measured(0.5, 0.25, 0.75, 0.1))
    assert "bootstrap" not in page(Measured(0.5, 0.25, 0.75))
