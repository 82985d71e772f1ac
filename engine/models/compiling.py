"""Compiles parts of models with torch.compile's inductor.

Compiling happens in the first call with each shape. Weights are inputs of the compiled code. Never `max-autotune`,
which tries kernels for minutes.
"""

from collections.abc import Callable
from typing import Any

import torch

from engine.errors import ModelError

SHAPES_KEPT = 64  # per part; beyond torch's default of 8 shapes it would silently run uncompiled


def require_compiler(device: torch.device, asked: str) -> None:
    """Raise ModelError if inductor's compiler is not installed. `asked`: the setting that needs it, for the message."""
    if device.type == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            raise ModelError(f"{asked}: needs a C++ compiler on a CPU (g++, clang++, or Visual Studio's cl)") from None
    elif device.type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            raise ModelError(f"{asked}: triton is not installed; pip install triton")


def compiled(part: Callable[..., Any], backend: str = "inductor") -> Callable[..., Any]:
    """`part`, compiled again for every shape it is called with."""
    import torch._dynamo

    if backend == "inductor":
        import torch._inductor.config

        torch._inductor.config.compile_threads = 1  # the pool's processes would outlive a killed child
    torch._dynamo.config.recompile_limit = SHAPES_KEPT
    return torch.compile(part, backend=backend, dynamic=False)
