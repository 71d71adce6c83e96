"""Named bytes in a folder or in a bucket: the only storage that a run needs.

Names are relative, with forward slashes. A name ending in `.partial` is a write in progress: no listing shows it.
"""

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from cluster.errors import Refused

if TYPE_CHECKING:
    from zarr.abc.store import Store

Names: TypeAlias = list[str]
Payload: TypeAlias = bytes | memoryview

PARTIAL = ".partial"


@runtime_checkable
class Blobs(Protocol):
    """Small enough to be sent to every worker: pickles as its address and opens in the process that uses it."""

    @property
    def url(self) -> str:
        """The address that `open_blobs` takes."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes under `name`; FileNotFoundError where there are none."""
        ...

    def write(self, name: str, data: Payload) -> None:
        """Puts or replaces `name`: a reader sees the old bytes or the new ones, never a part."""
        ...

    def create(self, name: str, data: Payload) -> bool:
        """Puts `name` unless it exists: the first writer wins.

        True when `name` holds `data` afterwards, False when it holds other bytes. Bytes that are unique to their
        writer (an attempt id) make the answer exact even where the network loses it.
        """
        ...

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str = "") -> Names:
        """Every name below the folder `prefix`, sorted; partial writes are left out."""
        ...

    def delete(self, name: str) -> None:
        """Removes `name`; nothing happens where it does not exist."""
        ...

    def sweep(self, prefix: str = "") -> Names:
        """Removes what crashed writers left below `prefix` and returns those names. Only while nobody writes there."""
        ...

    def zarr_store(self, prefix: str = "", read_only: bool = False) -> "Store":
        """A Zarr store rooted at the folder `prefix`."""
        ...


def open_blobs(url: str) -> Blobs:
    """`s3://bucket/prefix`, a path, or `file://` and a path. Raises Refused for any other scheme."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme == "file":
        from cluster.folder import Folder

        return Folder(rest if mark else url)
    if scheme == "s3":
        from cluster.bucket import Bucket

        return Bucket(url)
    raise Refused(f"{url} has the scheme {scheme}://; give a folder or s3://bucket/prefix.")
