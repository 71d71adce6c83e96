"""What a worker is projected to hold, and that it holds no more."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.blobs import open_blobs
from jobs.errors import UserError
from jobs.forecast import forecast
from jobs.inputs import Inputs
from jobs.memory import (
    PROCESS_BYTES,
    RESULT_COPIES,
    Projection,
    gigabytes,
    projection,
    require_fit,
    with_fitting_groups,
)
from jobs.plan import GROUPS, Plan
from jobs.prepare import draft
from jobs.steps.registry import bind
from jobs.study import Study, load
from tests.jobs.command import changed, written

WIDE = {"nets__a": {"arch": "lenet", "options": {"fc1": 512}}, "nets__b": {"arch": "lenet", "options": {"fc1": 512}}}
BLOCK = 8 * 512 * 512
"""Bytes of one block of products over the wide layer. One stands between the networks for every group, three are kept
as a whole: within each network, and between them with images permuted."""


@dataclass(frozen=True)
class Bound:
    """A study with its plan."""

    study: Study
    plan: Plan

    @classmethod
    def of(cls, **changes: Any) -> "Bound":
        study = Study.model_validate(changed(**changes))
        return cls(study, draft(Inputs(study, open_blobs("runs")))[0])

    def projection(self, stored: tuple[str, ...] = ()) -> Projection:
        return projection(self.plan, bind(self.study, self.plan), stored)


def test_activations_grow_with_the_batch_and_sums_do_not() -> None:
    small, large = (Bound.of(images__batch=batch, images__unit=64).projection() for batch in (8, 64))
    assert large.images == 8 * small.images
    assert large.activations > small.activations
    assert large.statistics == small.statistics
    assert large.networks == small.networks


def test_only_stored_layers_take_a_writer() -> None:
    bound = Bound.of()
    assert bound.projection().writer == 0
    one, both = bound.projection(("a/conv1",)).writer, bound.projection(("a/conv1", "b/conv1")).writer
    assert 0 < one < both


def test_the_whole_is_the_sum_of_its_parts_and_the_text_has_all() -> None:
    found = Projection(1_100_000_000, 20_000_000, 3_000, 4_000_000, 5_000_000, 6_000_000)
    assert found.total == 1_135_003_000
    assert str(found) == (
        "process 1.1 GB, networks 20 MB, images 3 kB, activations 4 MB, statistics 5 MB, writer 6 MB"
    )  # fmt: skip
    assert gigabytes(12_345_678_900) == "12.3 GB"


def test_what_fits_exactly_fits() -> None:
    found = Projection(1_000_000_000, 0, 0, 0, 0, 500_000)
    require_fit(found, 1_000_500_000)
    with pytest.raises(UserError, match=r"^resources\.memory: .* or raise resources.memory to 1001MB\.$") as refusal:
        require_fit(found, 1_000_499_999)
    assert "process 1.0 GB" in str(refusal.value)


@pytest.mark.parametrize(
    ("fitting", "groups"), [(17, GROUPS), (15, 8), (7.9, 4), (4.1, 4), (3.9, 2), (1.1, 1)]
)  # fmt: skip
def test_groups_are_halved_until_a_block_fits(fitting: float, groups: int) -> None:
    """`fitting` groups have room for the copies of their sums beside the process and the sums kept as a whole."""
    bound = Bound.of(layers=["fc1"], **WIDE)
    memory = PROCESS_BYTES + int(RESULT_COPIES * (fitting + 3) * BLOCK)
    fitted = with_fitting_groups(bound.plan, bind(bound.study, bound.plan), memory)
    assert fitted.groups == groups
    assert (fitted.key == bound.plan.key) is (groups == GROUPS)


def test_not_even_one_group_fits() -> None:
    bound = Bound.of(layers=["fc1"], **WIDE)
    steps, memory = bind(bound.study, bound.plan), PROCESS_BYTES + RESULT_COPIES * 4 * BLOCK
    wanted = (
        r"^resources\.memory: the smallest block of sums takes 8 MB, 4 times .* raise resources.memory above 1134MB"
    )
    with pytest.raises(UserError, match=wanted):
        with_fitting_groups(bound.plan, steps, memory)
    assert with_fitting_groups(bound.plan, steps, memory + 400_000).groups == 1


def held_bytes(path: Path) -> int:
    """The most memory that the process of a serial run holds; getrusage would begin at what this process holds."""
    code = (
        "import sys; from tests.jobs.command import vitrine; code = vitrine('run', sys.argv[1], '--json');"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))); sys.exit(code)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(said.stdout.splitlines()[-1]) * 1024


STUDIES: dict[str, Callable[[], dict[str, Any]]] = {
    "the process": lambda: changed(),
    "the store": lambda: changed(
        images__unit=64, images__preprocess=[{"Resize": {"size": 96}}], layers=["conv1", "relu1", "conv2"],
        nets__a__options={"width": 16}, nets__b__options={"width": 16},
    ),
    "activations": lambda: changed(
        images__batch=64, images__unit=64, images__preprocess=[{"Resize": {"size": 96}}], extract={},
        layers=["conv1", "relu1", "conv2"], nets__a__options={"width": 16}, nets__b__options={"width": 16},
    ),
    "sums": lambda: changed(layers=["fc1"], extract={}, **WIDE),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [name if name == "sums" else pytest.param(name, marks=pytest.mark.slow) for name in STUDIES]
)
def test_a_worker_holds_no_more_than_projected(name: str, tmp_path: Path) -> None:
    """The serial executor is driver and worker in one, so this bounds what a worker alone holds."""
    path = written(tmp_path, STUDIES[name]())
    projected = forecast(load(str(path)), ()).facts
    held = held_bytes(path)
    assert held <= projected["memory_bytes"], f"{gigabytes(held)} held, {projected['memory_parts']} projected"
