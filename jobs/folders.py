"""A folder on this machine for what only files can hold: the run's own, or a copy of one in a bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.blobs import Blobs
from cluster.folder import Folder
from jobs.nets.record import RECORD


@contextmanager
def local_folder(root: Blobs, name: str) -> Iterator[Path]:
    """A training's folder below the runs' root; of a copy, files are written back in the end, the record last."""
    if isinstance(root, Folder):
        yield Path(root.url) / name
        return
    with tempfile.TemporaryDirectory() as copy:
        for blob in root.list(name):
            (Path(copy) / blob.rpartition("/")[2]).write_bytes(root.read(blob))
        yield Path(copy)
        for path in sorted(Path(copy).iterdir(), key=lambda path: path.name == RECORD):
            root.write(f"{name}/{path.name}", path.read_bytes())
