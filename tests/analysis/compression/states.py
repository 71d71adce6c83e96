"""State dicts for tests of the file: every dtype and shape, values of every kind, and a pruned and shared net."""

import numpy as np
from hypothesis import strategies as st

DTYPES = ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")


def same_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Names in their order, dtypes, shapes and every bit."""
    return list(one) == list(other) and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in zip(one.values(), other.values(), strict=True)
    )


@st.composite
def tensors(draw: st.DrawFn) -> np.ndarray:
    """Any bits; a few values; mostly zeros; one value everywhere; -0 and NaN payloads among them."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=3)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, kind = int(np.prod(shape)), draw(st.sampled_from(["any", "few", "sparse", "one"]))
    if dtype.kind == "b":
        return np.asarray(generator.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])))
    bits = np.frombuffer(generator.bytes(count * dtype.itemsize), dtype)
    if kind != "any" and count:
        bits = bits[generator.integers(0, 1 if kind == "one" else min(3, count), count)]
    if kind == "sparse":
        bits = np.where(generator.random(count) < 0.9, np.zeros_like(bits), bits)
    return bits.reshape(shape).copy()


states: st.SearchStrategy[dict[str, np.ndarray]] = st.dictionaries(st.text(max_size=12), tensors(), max_size=4)


def pruned_and_shared(seed: int = 0, kept: float = 0.1, codes: int = 16) -> dict[str, np.ndarray]:
    """Two layers as compression leaves them, with biases and a batch norm."""
    generator = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}
    for name, shape in {"conv": (8, 3, 3, 3), "fc": (100, 72)}.items():
        values = np.sort(generator.normal(size=codes)).astype(np.float32)
        weight = values[generator.binomial(codes - 1, 0.5, shape)]
        state[f"{name}.weight"] = np.where(generator.random(shape) < kept, weight, np.float32(0))
        state[f"{name}.bias"] = generator.normal(size=shape[0]).astype(np.float32)
    state["bn.running_mean"] = generator.normal(size=8).astype(np.float32)
    state["bn.num_batches_tracked"] = np.array(1234, np.int64)
    return state
