"""Lets a build of torch without CUDA have tensors on `cuda:0`.

Indexing and other C++ code first makes the tensor's device the current one, through a guard that only a build with CUDA
registers. Without a guard it raises "PyTorch is not linked with support for cuda devices". That of the meta device does
nothing, which is right for a machine with one card, so it stands in (c10/core/impl/DeviceGuardImplInterface.h).
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

CUDA, META = 1, 14  # DeviceType in torch/headeronly/core/DeviceType.h
REGISTRY = "_ZN3c104impl26device_guard_impl_registryE"


@contextmanager
def guarded() -> Iterator[None]:
    """Within the block there is a guard for CUDA devices."""
    if torch.backends.cuda.is_built():
        torch._C._ensureCUDADeviceGuardSet()  # does nothing in a build without CUDA
        yield
        return
    if sys.platform == "win32":
        pytest.skip("a sham card needs the name of torch's device guards, which is known for Linux and macOS only")
    library = ctypes.CDLL(str(next((Path(torch.__file__).parent / "lib").glob("libc10.*"))))
    guards = (ctypes.c_void_p * (META + 1)).in_dll(library, REGISTRY)
    assert guards[META] and not guards[CUDA]
    guards[CUDA] = guards[META]
    try:
        yield
    finally:
        guards[CUDA] = None
