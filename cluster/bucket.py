"""Blobs in an S3 bucket, through obstore (the extra `s3`).

Endpoint, region and keys come from the usual variables (AWS_ENDPOINT_URL, AWS_REGION, AWS_ALLOW_HTTP, ...) of the
process that opens the bucket: what is pickled is the address alone, never a secret.
"""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cluster.blobs import Names, Payload
from cluster.errors import ClusterError, Refused

if TYPE_CHECKING:
    from obstore.store import S3Store
    from zarr.abc.store import Store

# S3 answers 409 to one of two conditional writes that meet, and may then hold neither: the pauses before a new try.
PAUSES = (0.1, 0.4, 1.6)


@dataclass(frozen=True)
class Bucket:
    """Blobs below `s3://bucket/prefix`."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith("s3://") or not self._bucket:
            raise Refused(f"{self.url} names no bucket; expected s3://bucket/prefix.")
        _require_obstore()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Bucket, (self.url,))

    def read(self, name: str) -> bytes:
        import obstore

        return bytes(obstore.get(self._store, name).bytes())

    def write(self, name: str, data: Payload) -> None:
        import obstore

        obstore.put(self._store, name, data)

    def create(self, name: str, data: Payload) -> bool:
        import obstore
        from obstore.exceptions import BaseError

        for pause in (*PAUSES, None):
            try:
                obstore.put(self._store, name, data, mode="create", use_multipart=False)
                return True
            except BaseError as failure:
                # A lost answer makes the client's own retry meet its own object: only the bytes tell who won.
                held = self._held(name)
                if held is not None:
                    return held == data
                if pause is None:
                    raise ClusterError(f"{self.url}/{name} could not be created: {_first_line(failure)}") from failure
                time.sleep(pause)
        raise AssertionError("the last pause is None, so the loop returns or raises")

    def exists(self, name: str) -> bool:
        import obstore

        try:
            obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str = "") -> Names:
        import obstore

        return sorted(entry["path"] for batch in obstore.list(self._store, prefix or None) for entry in batch)

    def delete(self, name: str) -> None:
        import contextlib

        import obstore

        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def sweep(self, prefix: str = "") -> Names:
        """Nothing to do: S3 shows an object whole or not at all."""
        return []

    def zarr_store(self, prefix: str = "", read_only: bool = False) -> "Store":
        from zarr.storage import ObjectStore

        return ObjectStore(self._open(prefix), read_only=read_only)

    @property
    def _bucket(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @cached_property
    def _store(self) -> "S3Store":
        return self._open("")

    def _open(self, prefix: str) -> "S3Store":
        from obstore.store import S3Store

        own = self.url.removeprefix("s3://").partition("/")[2]
        whole = "/".join(part for part in (*own.split("/"), *prefix.split("/")) if part)
        return S3Store(self._bucket, prefix=whole or None)

    def _held(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except FileNotFoundError:
            return None


def _require_obstore() -> None:
    try:
        import obstore  # noqa: F401
    except ImportError as failure:
        raise Refused("s3:// needs obstore, which is not installed: pip install 'vitrine[s3]'") from failure


def _first_line(failure: BaseException) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0]
