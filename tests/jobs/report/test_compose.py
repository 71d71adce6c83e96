"""The report of a finished study says what was run, shows every plate, and links to nothing that is not there."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from cluster.blobs import open_blobs
from jobs.inputs import Inputs
from jobs.passes import layout
from jobs.plan import Plan, versions
from jobs.run import draw
from tests.jobs.small import NETS, TRAINED, Done, ran, small


class Page(HTMLParser):
    """Text, tables and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.addresses, self.rows = "", [""], [[""]]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for key, value in attrs if key in ("href", "src") and value]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def row(self, name: str) -> list[str]:
        """The first row of any table that begins with `name`."""
        return next(row for row in self.rows if row and row[0] == name)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A trained network beside a random one."""
    nets = {"trained": TRAINED, "random": {**NETS["b"], "options": {"width": 4}}}
    study = small(tmp_path_factory.mktemp("runs"), nets=nets, extract={"store": ["fc1"]}, layers=["conv1", "fc1"])
    return ran(study)


@pytest.fixture(scope="module")
def page(done: Done) -> Page:
    return Page(done.page)


def test_every_link_and_picture_is_there(done: Done, page: Page) -> None:
    report = Path(done.finished.report).parent
    addresses = {address for address in page.addresses if address and not address.startswith(("#", "data:"))}
    assert len(addresses) > 3 * len(done.manifest["figures"])
    assert not [address for address in addresses if not (report / unquote(address)).exists()]


def test_every_plate_is_shown(done: Done, page: Page) -> None:
    for name in done.manifest["figures"]:
        for suffix in ("svg", "png", "npz"):
            assert f"../figures/{name}.{suffix}" in page.addresses
    drawn = {path.stem for path in (Path(done.finished.folder) / "figures").iterdir()}
    assert drawn == set(done.manifest["figures"])


def test_networks_with_accuracy(done: Done, page: Page) -> None:
    trained, random = page.row("trained"), page.row("random")
    assert trained[1] == random[1] == "convnet"
    assert "trained here: seed 1, 2 epochs on 1,437 images" in trained[5]
    found = done.results("evaluate")["accuracy"]["accuracy"]
    assert random[3:5] == [f"{100 * float(found.sel(net='random', top=top)):.1f} %" for top in (1, 5)]
    assert float(trained[3].removesuffix(" %")) > 50


def test_layers_with_every_number(done: Done, page: Page) -> None:
    for layer, found in done.results().items():
        cells = page.row(layer)
        assert cells[2] == f"{int(found['samples']):,}"
        for kind, cell in (("semi_ab", cells[4]), ("semi_ba", cells[5]), ("bipartite", cells[6])):
            value, low, high, floor = found[f"{kind}_mean"].values
            for number in (value, low, high, floor):
                assert f"{number:.3f}".replace("-", "−") in cell.replace("-", "−") or f"{number:.2f}" in cell


def test_what_ran_when_and_on_what(done: Done, page: Page) -> None:
    for package, version in versions().items():
        assert package in page.text
        assert version in page.text
    assert "digits" in page.text
    assert "300" in page.text
    assert Path(done.finished.folder).name in page.text
    assert "Time" in page.text


def test_the_report_may_be_drawn_again(done: Done) -> None:
    """With the same figures; only the time is another."""

    before, manifest = done.bits("figures"), done.manifest
    study = small(
        Path(done.finished.folder).parent,
        nets={"trained": TRAINED, "random": {**NETS["b"], "options": {"width": 4}}},
        extract={"store": ["fc1"]},
    )
    draw(Inputs(study, open_blobs(study.runs)), layout(study, Plan.load(done.blobs)), done.blobs)
    assert done.bits("figures") == before
    assert done.manifest == manifest
