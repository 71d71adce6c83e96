"""How many symbols a second does the Huffman coder write and read, beside others? 60 million of 5 bits.

    uv run python -m tests.benchmarks.huffman [--repeats 5] [--json FILE]

Symbols 0 to 31 are drawn with an entropy of 4.045 bits, as codes of shared weights have it. Ours counts, finds the
lengths, and writes the stream as the file holds it, compiled or with NumPy alone: the same bytes. Theirs: zlib with
Z_HUFFMAN_ONLY, and dahuffman on the first million, since it takes a second a million. All in one process and thread;
turns alternate, and medians count; every decoder must give the symbols back.
"""

import argparse
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from dahuffman import HuffmanCodec  # type: ignore[import-untyped]

from analysis.compression import container, huffman, unpack

SYMBOLS, FEW, ALPHABET, ENTROPY, AIM = 60_000_000, 1_000_000, 32, 4.045, 250.0


class Way(NamedTuple):
    """One coder; `encode` takes symbols to bytes, `decode` brings them back."""

    encode: Callable[[np.ndarray], Any]
    decode: Callable[[Any], np.ndarray]
    symbols: int
    turns: int | None = None
    """Fewer than asked for."""


def drawn() -> np.ndarray:
    """Symbols whose distribution has the entropy, a peak in the middle."""
    low, high = 1.0, 100.0
    for _ in range(60):
        width = (low + high) / 2
        shares = np.exp(-np.abs(np.arange(ALPHABET) - (ALPHABET - 1) / 2) / width)
        shares /= shares.sum()
        low, high = (width, high) if -(shares * np.log2(shares)).sum() < ENTROPY else (low, width)
    return np.random.default_rng(0).choice(ALPHABET, SYMBOLS, p=shares).astype(np.uint8)


def ways(symbols: np.ndarray) -> dict[str, Way]:
    """All coders."""

    def read(data: bytes, compiled: bool) -> np.ndarray:
        reader = unpack.Reader(memoryview(data), 0, len(data), "the stream")
        return unpack.stream(reader, SYMBOLS, container.coder(SYMBOLS, compiled).decode_lanes)

    def deflated(data: np.ndarray) -> bytes:
        coder = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        return coder.compress(data.data) + coder.flush()

    codec = HuffmanCodec.from_data(symbols[:FEW].tobytes())
    return {
        "ours": Way(lambda s: container.stream(s, compiled=True), lambda data: read(data, True), SYMBOLS),
        "ours, NumPy alone": Way(
            lambda s: container.stream(s, compiled=False), lambda data: read(data, False), SYMBOLS, 2
        ),
        "zlib, Huffman only": Way(deflated, lambda d: np.frombuffer(zlib.decompress(d, -15), np.uint8), SYMBOLS),
        "dahuffman": Way(
            lambda s: codec.encode(s.tobytes()), lambda d: np.frombuffer(codec.decode(d), np.uint8), FEW, 2
        ),
    }


def measured(symbols: np.ndarray, repeats: int) -> dict[str, Any]:
    """Million symbols a second of every coder and turn, both ways, and bits a symbol."""
    found = ways(symbols)
    speeds: dict[str, dict[str, list[float]]] = {name: {"encode": [], "decode": []} for name in found}
    bits = {}
    for turn in range(repeats + 1):  # the first turn compiles
        for name, way in found.items():
            if turn > (way.turns or repeats):
                continue
            some = symbols[: way.symbols]
            times = [time.perf_counter()]
            data = way.encode(some)
            times.append(time.perf_counter())
            back = way.decode(data)
            times.append(time.perf_counter())
            assert np.array_equal(back, some), name
            bits[name] = 8 * len(data) / way.symbols
            for what, seconds in zip(("encode", "decode"), np.diff(times), strict=True):
                if turn:
                    speeds[name][what].append(way.symbols / seconds / 1e6)
    return {"million_symbols_per_second": speeds, "bits_per_symbol": bits}


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    symbols = drawn()
    counts = huffman.symbol_counts(symbols)
    entropy, best = huffman.entropy(counts), huffman.coded_bits(counts) / len(symbols)
    print(f"entropy {entropy:.4f} bits, the best lengths {best:.4f}")
    found = measured(symbols, options.repeats)
    for name, speed in found["million_symbols_per_second"].items():
        encode, decode = (median(speed[what]) for what in ("encode", "decode"))
        bits = found["bits_per_symbol"][name]
        print(f"{name:20s} encode {encode:6.1f}, decode {decode:6.1f} million symbols/s, {bits:.4f} bits")
    print(f"aim: at least {AIM:g} both ways")
    if options.json:
        from tests.benchmarks.extraction import _commit, _machine  # which loads every step

        about = {"commit": _commit(), "machine": _machine(), "date": time.strftime("%Y-%m-%d")}
        sizes = {"symbols": SYMBOLS, "entropy": entropy, "bits_of_the_best_lengths": best}
        options.json.write_text(json.dumps({**about, **sizes, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
