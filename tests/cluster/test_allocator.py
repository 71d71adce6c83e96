"""A freed block is there again for the next one, where the C library is glibc."""

import resource
import subprocess
import sys

import pytest

LOOP = """
import resource, sys
from cluster.allocator import keep_freed_memory
assert sys.argv[1] == "plain" or keep_freed_memory()
for _ in range(20):
    b"x" * 100_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(mode: str) -> int:
    return int(subprocess.run([sys.executable, "-c", LOOP, mode], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
def test_large_blocks_are_not_cleared_again() -> None:
    pages = 100_000_000 // resource.getpagesize()
    plain = faults("plain")
    if plain < 10 * pages:
        pytest.skip("this kernel maps large blocks in huge pages")
    assert faults("kept") < plain - 10 * pages
