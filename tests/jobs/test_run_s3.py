"""A whole run in a bucket: the bits of a run in a folder, networks trained into it, a report that can be read."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cluster.blobs import open_blobs
from tests.jobs.small import TRAINED, UNITS, Done, ran, small

STUDY: dict[str, Any] = {
    "nets": {"a": TRAINED, "b": {"arch": "convnet", "seed": 2, "options": {"width": 4}}},
    "layers": ["conv1", "fc1"],
    "extract": {"store": ["*"], "statistics": ["fc1"]},
    "steps": [{"correlate": {"pairs": [["fc1", "fc1"]]}}, {"correlate": {"pairs": [["conv1", "conv1"]]}}],
}


@pytest.fixture(scope="module")
def root(bucket_url: str) -> str:
    return f"{bucket_url}/{uuid4().hex}"


@pytest.fixture(scope="module")
def remote(root: str) -> Done:
    """The study in the bucket."""
    return ran(small(root, **STUDY))


def test_a_bucket_holds_the_bits_of_a_folder(remote: Done, tmp_path: Path) -> None:
    local = ran(small(tmp_path, **STUDY))
    assert remote.finished.folder.startswith("s3://")
    assert remote.watching.done() == {"training": 1, "images": UNITS, "reading the store": UNITS}
    assert remote.bits() == local.bits()
    assert remote.manifest == local.manifest


def test_networks_are_trained_into_the_bucket(remote: Done, root: str) -> None:
    names = open_blobs(root).list("nets")
    assert {name.rpartition("/")[2] for name in names} == {"final.safetensors", "curves.json", "record.json"}
    other = ran(small(root, name="other", nets={"a": TRAINED}, layers=["conv1"], steps=["evaluate"]))
    assert other.watching.done() == {"images": UNITS}


def test_the_report_can_be_read(remote: Done) -> None:
    assert "trained here: seed 1, 2 epochs" in remote.page
    assert all(f"../figures/{name}.svg" in remote.page for name in remote.manifest["figures"])


def test_a_finished_run_is_found_in_the_bucket(remote: Done, root: str) -> None:
    again = ran(small(root, **STUDY))
    assert again.finished.computed_units == 0
    assert again.watching.events == []
