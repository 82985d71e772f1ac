"""Torch on Apple's GPUs: what it does with an operation that they lack.

Unasked it raises NotImplementedError in the middle of a picture. With PYTORCH_ENABLE_MPS_FALLBACK=1 it calculates that
one operation on the processor, slower, and says so once. Torch reads it when it is loaded (aten/src/ATen/mps/
MPSFallback.mm), so it has to stand in the environment before.
"""

import os
import sys

VARIABLE = "PYTORCH_ENABLE_MPS_FALLBACK"


def fallback() -> dict[str, str]:
    """Environment of a process that runs models; empty where the user has chosen, and on other systems."""
    return {VARIABLE: "1"} if sys.platform == "darwin" and VARIABLE not in os.environ else {}


def allow_fallback() -> None:
    """Set this for this process and those that it starts. To be called before torch is imported; idempotent."""
    os.environ.update(fallback())
