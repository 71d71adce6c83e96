"""A folder on this machine for what only files can hold: the run's own, or a copy of one in a bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cluster.blobs import Blobs
from cluster.folder import Folder
from jobs.nets.record import RECORD, Keep, stays


class Place(NamedTuple):
    """Where a training's files lie."""

    folder: Path
    keep: Keep
    """Puts a file that was written there where it outlives this process."""


@contextmanager
def local_folder(root: Blobs, name: str) -> Iterator[Place]:
    """A training's folder below the runs' root; of a copy, files are written back in the end, the record last."""
    if isinstance(root, Folder):
        yield Place(Path(root.url) / name, stays)
        return
    with tempfile.TemporaryDirectory() as copy:
        folder = Path(copy)
        for blob in root.list(name):
            (folder / blob.rpartition("/")[2]).write_bytes(root.read(blob))
        yield Place(folder, partial(_keep, root, name))
        for path in sorted(folder.iterdir(), key=lambda path: path.name == RECORD):
            _keep(root, name, path)
        for blob in list(root.list(name)):
            if not (folder / blob.rpartition("/")[2]).exists():  # saves of an unfinished training
                root.delete(blob)


def _keep(root: Blobs, name: str, path: Path) -> None:
    root.write(f"{name}/{path.name}", path.read_bytes())
