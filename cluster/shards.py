"""Zarr stores that watch the shards that pass: checksums of what is written, no silence about what is missing.

A missing shard reads as zeros in Zarr, which looks like a dead unit.
"""

from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from cluster.errors import MissingRows

if TYPE_CHECKING:
    from collections.abc import Iterable


class RecordingStore(WrapperStore[Store]):
    """Notes bytes and crc32c of every shard on its way to the store.

    It shows no shard that exists already: a unit's writer holds whole shards, so a second attempt replaces what the
    first one left (truncated, perhaps) and does not spend time on reading it.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        super().__init__(store)
        self.prefix = prefix
        self.written: dict[str, dict[str, Any]] = {}

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        return await super().get(key, prototype, byte_range) if is_metadata(key) else None

    async def set(self, key: str, value: Buffer) -> None:
        await super().set(key, value)
        self.written[f"{self.prefix}/{key}"] = fingerprint(value.as_numpy_array())


class StrictStore(WrapperStore[Store]):
    """Raises MissingRows where a shard is not there."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        value = await super().get(key, prototype, byte_range)
        if value is None and not is_metadata(key):
            raise MissingRows(f"The shard {key} was committed and is gone; `vitrine verify` lists all such shards.")
        return value

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: "Iterable[tuple[str, ByteRequest | None]]"
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]


def is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] == "zarr.json"


def fingerprint(data: bytes | np.ndarray) -> dict[str, Any]:
    """What a commit record says of one shard (bytes, or uint8 of one axis): its length and its crc32c."""
    return {"bytes": len(data), "crc32c": f"{google_crc32c.value(data):08x}"}
