"""`xp` runs a test on every array library: NumPy, the strict reading of the standard, torch, CuPy where it is."""

from types import ModuleType

import pytest


@pytest.fixture(params=["numpy", "array_api_strict", "torch", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    import array_api_compat.numpy
    import array_api_compat.torch

    if request.param == "numpy":
        return array_api_compat.numpy
    if request.param == "torch":
        return array_api_compat.torch
    if request.param == "cupy":
        pytest.importorskip("cupy", reason="CuPy is not installed (extra gpu)")
        import array_api_compat.cupy
        from cupy import cuda

        if not cuda.is_available():
            pytest.skip("no CUDA device")
        return array_api_compat.cupy
    return pytest.importorskip("array_api_strict", reason="array_api_strict is not installed")
