"""CPU fallback for operations that Torch lacks on Apple's GPUs.

By default Torch raises NotImplementedError in the middle of a picture. With PYTORCH_ENABLE_MPS_FALLBACK=1 it runs that
operation on the CPU, slower, and warns once. Torch reads the variable when it is loaded
(aten/src/ATen/mps/MPSFallback.mm), so it must be set before.
"""

import os
import sys

VARIABLE = "PYTORCH_ENABLE_MPS_FALLBACK"


def fallback() -> dict[str, str]:
    """Environment variables for a process that runs models; empty if the user has set them, and on other systems."""
    return {VARIABLE: "1"} if sys.platform == "darwin" and VARIABLE not in os.environ else {}


def allow_fallback() -> None:
    """Set the variable for this process and those it starts. Call it before torch is imported. Idempotent."""
    os.environ.update(fallback())
