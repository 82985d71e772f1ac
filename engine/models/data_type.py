"""Chooses the data type in which a model computes, the same in every run on a machine. Does not
load torch."""

import os
import platform
from functools import cache
from typing import Final

BFLOAT16_UNITS: Final = ("amx-bf16", "avx512bf16")
"""Processor features, as LLVM names them, that multiply bfloat16: Intel's AMX, AVX512_BF16 of AMD
since Zen 4."""
X86: Final = ("x86_64", "amd64")
LIMIT: Final = "ONEDNN_MAX_CPU_ISA"
"""Environment variable that forbids oneDNN, which multiplies for torch, the newer instructions of a
processor."""


def resolve_dtype(
    requested: str, device: str, *, half: str = "float16", is_exact: bool = False
) -> str:
    """Resolve `auto` to `half` on a GPU, and on a CPU to the type in which it is fastest.
    `is_exact`: float32 on every CPU, for results that must not differ between computers."""
    if requested != "auto":
        return requested
    if device != "cpu":
        return half
    return "bfloat16" if not is_exact and has_fast_bfloat16() else "float32"


@cache
def has_fast_bfloat16() -> bool:
    """True if this CPU has units for products in bfloat16, in which convolutions are 1.7 to 4 times
    as fast as in float32. Without them oneDNN emulates, which takes 2 to 50 times as long. Its
    features decide, not a stopwatch, which gives another answer on a busy machine: the same command
    would give other pictures. False for other processors than x86, and where LIMIT is set."""
    if platform.machine().lower() not in X86 or os.environ.get(LIMIT):
        return False
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return any(features.get(unit, False) for unit in BFLOAT16_UNITS)


def emulation_notes(dtype: str, device: str) -> tuple[str, ...]:
    """A line for the user if this CPU has to emulate the data type, as a tuple; else none. A job
    that was begun elsewhere, or was sent by another machine, keeps the data type of its first
    pictures."""
    if dtype != "bfloat16" or device != "cpu" or has_fast_bfloat16():
        return ()
    return (
        "dtype bfloat16: this processor has no units for it and is many times slower; --dtype "
        "float32 is faster",
    )
