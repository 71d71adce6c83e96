"""A folder on this machine for what only files can hold: the run's own, or one that is copied to and from a bucket."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cluster.blobs import Blobs
from cluster.folder import Folder
from jobs.nets.record import RECORD

T = TypeVar("T")


def in_folder(root: Blobs, name: str, work: Callable[[Path], T]) -> T:
    """What `work` returns, done in the folder `name` below the runs' root; in a bucket the record is copied last."""
    if isinstance(root, Folder):
        return work(Path(root.url) / name)
    with tempfile.TemporaryDirectory() as place:
        local = Path(place)
        for blob in root.list(name):
            (local / blob.rpartition("/")[2]).write_bytes(root.read(blob))
        found = work(local)
        for path in sorted(local.iterdir(), key=lambda path: path.name == RECORD):
            root.write(f"{name}/{path.name}", path.read_bytes())
        return found
