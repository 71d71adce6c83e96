"""Freed memory stays with a worker.

glibc hands every freed block of more than 32 MB back to the kernel, which clears it anew for the next batch: with maps
of 100 MB a batch, that took a third of a worker's time.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask the C library to reuse freed memory instead of returning it; False where it is not glibc's."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return False
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, NEVER))
