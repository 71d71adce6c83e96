"""Where do the bytes go? Every layer by the paper's accounting (Han et al., 2016, arXiv:1510.00149, tables 2 to 5),
beside what its section of the file really takes.

The paper counts codes of w bits and relative indices of i bits for every kept weight and filler, then the same after
Huffman coding, over weights of 32 bits; a filler is coded like a weight. Biases are left out there and in the file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from analysis.compression.container import codebook
from analysis.compression.gaps import INDEX_BITS, Gaps, gaps, paper_rate, relative_indices
from analysis.compression.huffman import coded_bits, entropy, symbol_counts
from analysis.compression.unpack import sections


@dataclass(frozen=True)
class LayerSize:
    """One layer's weights; rates are sizes in shares of 32 bits a weight."""

    name: str
    weights: int
    kept: int
    """Weights that are not zero."""
    code_bits: int
    """w, of a code; 32 where a layer holds more than 256 values and has none."""
    index_bits: int
    """i, of a relative index: the width of the fewest bits after Huffman coding."""
    fillers: int
    code_bits_huffman: float
    """Mean over the kept weights and fillers."""
    index_bits_huffman: float
    code_entropy: float
    """Bits, of the same codes: what the mean cannot pass below."""
    index_entropy: float
    rate_expected: float
    """p (1 + f) (w + i) / 32 + 2^w / n, with f fillers at random places: the paper's formula."""
    rate: float
    """The same with the fillers that there are."""
    rate_huffman: float
    """After Huffman coding, the lengths of its codes not counted."""
    file_bytes: int
    """The section of the file: name, shape, codebook, lengths of codes, checksum and all."""

    @property
    def kept_share(self) -> float:
        """0 to 1."""
        return self.kept / self.weights


@dataclass(frozen=True)
class NetSize:
    """A whole state dict beside its file."""

    layers: tuple[LayerSize, ...]
    dense_bytes: int
    """Of all tensors, biases and statistics included, as they are in memory."""
    file_bytes: int

    @property
    def ratio(self) -> float:
        """How many times smaller the file is than the tensors."""
        return self.dense_bytes / self.file_bytes

    @property
    def ratio_paper(self) -> float:
        """How many times smaller the layers' weights are after Huffman coding, as the paper counts."""
        return sum(layer.weights for layer in self.layers) / sum(
            layer.weights * layer.rate_huffman for layer in self.layers
        )


def net_size(state: Mapping[str, np.ndarray], layers: Iterable[str], file: bytes) -> NetSize:
    """Accounts of the tensors named `layers` of a state dict, and of its file.

    Raises KeyError for a name that either does not hold, DamagedFileError for another file.
    """
    bytes_of = {section.name: section.size for section in sections(file)}
    sizes = tuple(layer_size(name, state[name], bytes_of[name]) for name in layers)
    return NetSize(sizes, sum(tensor.nbytes for tensor in state.values()), len(file))


def layer_size(name: str, weights: np.ndarray, file_bytes: int) -> LayerSize:
    """One layer's account, its weights counted in C order."""
    flat = weights.reshape(-1)
    places = np.flatnonzero(flat)
    between, book = gaps(places), codebook(flat[places])
    code_bits = 32 if book is None else max(1, int(np.ceil(np.log2(len(book)))))
    codes = None if book is None else np.searchsorted(book, flat[places])
    ways = {bits: _Entries.of(between, codes, bits) for bits in INDEX_BITS}
    index_bits = min(ways, key=lambda bits: ways[bits].bits)
    entries, own = ways[index_bits], 0.0 if book is None else (1 << code_bits) / len(flat)
    number = len(places) + entries.fillers
    return LayerSize(
        name=name,
        weights=len(flat),
        kept=len(places),
        code_bits=code_bits,
        index_bits=index_bits,
        fillers=entries.fillers,
        code_bits_huffman=entries.code_bits / max(number, 1),
        index_bits_huffman=entries.index_bits / max(number, 1),
        code_entropy=float(code_bits) if codes is None else entropy(entries.codes),
        index_entropy=entropy(entries.indices),
        rate_expected=paper_rate(len(places) / len(flat), code_bits, index_bits, len(flat)),
        rate=number * (code_bits + index_bits) / 32 / len(flat) + own,
        rate_huffman=entries.bits / 32 / len(flat) + own,
        file_bytes=file_bytes,
    )


@dataclass(frozen=True)
class _Entries:
    """A layer's entries with indices of one width: how often each symbol occurs, and bits after Huffman coding."""

    fillers: int
    codes: Int[np.ndarray, " code_symbols"]
    indices: Int[np.ndarray, " indices"]
    code_bits: int
    index_bits: int

    @property
    def bits(self) -> int:
        return self.code_bits + self.index_bits

    @staticmethod
    def of(between: Gaps, codes: Int[np.ndarray, " values"] | None, index_bits: int) -> "_Entries":
        found = relative_indices(between, index_bits)
        fillers = int(found.is_filler.sum())
        indices = symbol_counts(found.indices)
        if codes is None:
            counts = np.zeros(0, np.int64)
            code_bits = 32 * len(found.indices)
        else:
            # A filler is one more symbol: zero.
            counts = np.append(np.bincount(codes), fillers)
            code_bits = coded_bits(counts)
        return _Entries(fillers, counts, indices, code_bits, coded_bits(indices))
