"""Blobs in a folder of a file system that several processes, or several machines, share.

A file is written under a temporary name and flushed to the disk; then renamed (replace) or linked (create: a hard
link fails where its name exists, also over NFS, where O_EXCL alone would show a file still half written).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from cluster.blobs import PARTIAL, Names, Payload
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from zarr.abc.store import Store


@dataclass(frozen=True)
class Folder:
    """Blobs below `path`, made absolute so that a worker's own directory does not matter."""

    path: Path

    def __init__(self, path: str | Path) -> None:
        object.__setattr__(self, "path", Path(path).expanduser().absolute())

    @property
    def url(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes:
        return self._place(name).read_bytes()

    def write(self, name: str, data: Payload) -> None:
        place = self._place(name)
        with _flushed(place, data) as temporary:
            os.replace(temporary, place)

    def create(self, name: str, data: Payload) -> bool:
        place = self._place(name)
        with _flushed(place, data) as temporary:
            try:
                os.link(temporary, place)
            except FileExistsError:
                return place.read_bytes() == data
            except PermissionError as failure:
                raise ClusterError(f"{self.path} cannot hold hard links; use a local disk, NFS or s3://.") from failure
        return True

    def exists(self, name: str) -> bool:
        return self._place(name).is_file()

    def list(self, prefix: str = "") -> Names:
        return sorted(name for name in self._names(prefix) if not name.endswith(PARTIAL))

    def delete(self, name: str) -> None:
        self._place(name).unlink(missing_ok=True)

    def sweep(self, prefix: str = "") -> Names:
        stale = sorted(name for name in self._names(prefix) if name.endswith(PARTIAL))
        for name in stale:
            self.delete(name)
        return stale

    def zarr_store(self, prefix: str = "", read_only: bool = False) -> "Store":
        from zarr.storage import LocalStore

        return LocalStore(self._place(prefix) if prefix else self.path, read_only=read_only)

    def _place(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ValueError(f"{name!r} is no name inside {self.path}")
        return self.path.joinpath(*parts)

    def _names(self, prefix: str) -> Iterator[str]:
        for folder, _, files in os.walk(self._place(prefix) if prefix else self.path):
            for file in files:
                yield Path(folder, file).relative_to(self.path).as_posix()


@contextmanager
def _flushed(place: Path, data: Payload) -> Iterator[Path]:
    """A temporary file beside `place` that holds `data` on the disk; whatever happens, it is gone afterwards."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{place.name}.{uuid4().hex}{PARTIAL}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
