"""The paper's accounts by hand, by its formula, and beside the bytes of the file."""

import numpy as np
import pytest

from analysis.compression.accounting import layer_size, net_size
from analysis.compression.container import to_bytes
from analysis.compression.gaps import paper_rate
from analysis.compression.unpack import sections
from tests.analysis.compression.states import pruned_and_shared


def test_a_layer_by_hand() -> None:
    weight = np.zeros((2, 20), np.float32)
    weight[0, [1, 2, 11]], weight[1, 5] = [0.5, -0.5, 0.5], 0.5
    size = layer_size("fc", weight, file_bytes=33)
    # Gaps 1, 0, 8 and 13: in 4 bits no filler is needed, and 2 bits each after Huffman coding; codes 1 bit each.
    assert (size.weights, size.kept, size.kept_share, size.code_bits) == (40, 4, 0.1, 1)
    assert (size.index_bits, size.fillers) == (4, 0)
    assert size.code_bits_huffman == 1.0
    assert size.index_bits_huffman == size.index_entropy == 2.0
    assert size.code_entropy == pytest.approx(-0.75 * np.log2(0.75) - 0.25 * np.log2(0.25))
    assert size.rate == 4 * (1 + 4) / 32 / 40 + 2 / 40
    assert size.rate_huffman == (4 + 8) / 32 / 40 + 2 / 40
    assert size.rate_expected == paper_rate(0.1, 1, 4, 40)
    assert size.file_bytes == 33


@pytest.mark.parametrize(("kept", "codes"), [(0.08, 32), (0.3, 16), (0.03, 8)])
def test_a_random_layer_agrees_with_the_formula(kept: float, codes: int) -> None:
    generator = np.random.default_rng(codes)
    values = generator.normal(size=codes).astype(np.float32)
    weight = np.where(
        generator.random((300, 784)) < kept, values[generator.integers(0, codes, (300, 784))], np.float32(0)
    )
    size = layer_size("fc1", weight, 0)
    assert size.rate == pytest.approx(size.rate_expected, rel=0.03)
    assert size.code_entropy <= size.code_bits_huffman < size.code_entropy + 1
    assert size.index_entropy <= size.index_bits_huffman < size.index_entropy + 1
    assert size.rate_huffman < size.rate
    assert size.code_bits == int(np.log2(codes))


def test_accounts_and_file_add_up() -> None:
    state = pruned_and_shared()
    file = to_bytes(state)
    size = net_size(state, ["conv.weight", "fc.weight"], file)
    assert [layer.name for layer in size.layers] == ["conv.weight", "fc.weight"]
    others = sum(s.size for s in sections(file) if s.name not in {layer.name for layer in size.layers})
    assert 16 + others + sum(layer.file_bytes for layer in size.layers) + 4 == size.file_bytes == len(file)
    assert size.dense_bytes == sum(tensor.nbytes for tensor in state.values())
    assert size.ratio == size.dense_bytes / len(file)
    weights = [layer.weights for layer in size.layers]
    own = sum(n * layer.rate_huffman for n, layer in zip(weights, size.layers, strict=True))
    assert size.ratio_paper == pytest.approx(sum(weights) / own)
    # The file's gaps cost less than the paper's fillers, and pay for names, codebooks and checksums.
    assert size.layers[1].file_bytes < 4 * weights[1] * size.layers[1].rate_huffman + 60


def test_layers_that_are_not_quantized_not_pruned_or_gone() -> None:
    generator = np.random.default_rng(0)
    plain = layer_size("a", generator.normal(size=(50, 40)).astype(np.float32), 0)
    assert (plain.kept_share, plain.code_bits, plain.code_bits_huffman, plain.fillers) == (1.0, 32, 32.0, 0)
    assert plain.index_bits_huffman == 0.0
    gone = layer_size("b", np.zeros((50, 40), np.float32), 0)
    assert (gone.kept, gone.fillers, gone.code_bits_huffman) == (0, 0, 0.0)
    pruned = generator.normal(size=4000).astype(np.float32) * (generator.random(4000) < 0.1)
    assert layer_size("c", pruned, 0).rate == pytest.approx(0.1 * (32 + 4) / 32, rel=0.2)
