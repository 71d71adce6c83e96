"""One function body for NumPy, CuPy and torch: namespaces by the array API standard, and the way back to the host."""

from types import ModuleType
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_cupy_array, is_torch_array
from array_api_compat import device as device_of
from jaxtyping import Float

Array = Any
"""An array of NumPy, CuPy, torch or array_api_strict."""

__all__ = ["Array", "array_namespace", "as_float64", "device_of", "namespace", "readable", "to_numpy"]


def namespace(*arrays: Array) -> ModuleType:
    """The array API namespace that all `arrays` share; TypeError where they come from two libraries."""
    return array_namespace(*arrays)


def to_numpy(x: Array) -> np.ndarray:
    """`x` on the host, as NumPy; a copy only where the device or the library makes one necessary."""
    if isinstance(x, np.ndarray):
        return x
    if is_torch_array(x):
        return x.detach().cpu().numpy()
    if is_cupy_array(x):
        return x.get()
    return np.from_dlpack(x)


def readable(x: Array) -> Array:
    """At least float32, and on the host as NumPy, which counts and compares faster there than torch."""
    xp = namespace(x)
    if xp.finfo(x.dtype).bits == 16:
        x = xp.astype(x, xp.float32)
    return x if hasattr(x, "__cuda_array_interface__") else to_numpy(x)


def as_float64(x: Array) -> Float[np.ndarray, "..."]:
    """`x` on the host in float64."""
    return to_numpy(x).astype(np.float64, copy=False)
