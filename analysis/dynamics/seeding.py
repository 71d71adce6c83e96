"""Random numbers that leave no trace: torch's generators are seeded inside the block and restored after it.

A stream is named by integers (seed, epoch, ...): a resumed run draws the same numbers without a stored generator.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(*name: int) -> int:
    """A 63-bit seed for the stream of that name; streams of different names are independent. Integers >= 0."""
    return int.from_bytes(hashlib.sha256(repr(name).encode()).digest()[:8]) >> 1


@contextmanager
def seeded(device: torch.device | str, *name: int) -> Iterator[None]:
    """Seed the generators of the CPU and of `device`, and put their states back at the end."""
    device = torch.device(device)
    on_cuda = device.type == "cuda"
    number = torch.cuda.current_device() if on_cuda and device.index is None else device.index
    with torch.random.fork_rng(devices=[number] if on_cuda else []):
        # torch.manual_seed would also seed every other device, which the fork does not restore.
        torch.default_generator.manual_seed(stream(*name))
        if on_cuda:
            torch.cuda.default_generators[number].manual_seed(stream(*name))
        yield
