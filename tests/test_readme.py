"""The README's table of measures is that of the code."""

from pathlib import Path

import pytest

from analysis.similarity.measures import MEASURES, MeasureName

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(MEASURES))
def test_every_measure_has_its_row(name: MeasureName) -> None:
    found = MEASURES[name]
    rows = f"{found.low:.3g} to {found.high:.3g}".replace("-", "\N{MINUS SIGN}")
    cells = (f"`{name}`", f"{found.kind}, {rows}", found.invariant_to, found.cost, found.use, found.source)
    assert f"| {' | '.join(cells)} |" in README
