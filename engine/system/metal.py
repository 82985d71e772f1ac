"""CPU fallback for operations that Torch lacks on Apple's GPUs.

With PYTORCH_ENABLE_MPS_FALLBACK=1, which Torch reads when it is loaded
(aten/src/ATen/mps/MPSFallback.mm), it runs such an operation on the CPU, slower, instead of raising
NotImplementedError, and warns of the first one only.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

VARIABLE = "PYTORCH_ENABLE_MPS_FALLBACK"
FALLS_BACK = re.compile(
    "The operator '([^']+)' is not currently supported on the MPS backend and will fall back"
)
"""Torch's warning, as in MPSFallback.mm."""


def fallback() -> dict[str, str]:
    """Environment variables for a process that runs models; empty if the user has set them, and on
    other systems."""
    return {VARIABLE: "1"} if sys.platform == "darwin" and VARIABLE not in os.environ else {}


def allow_fallback() -> None:
    """Set the variable for this process and those it starts. Call it before torch is imported.
    Idempotent."""
    os.environ.update(fallback())


def report_fallback(report: Callable[[str, str], None]) -> None:
    """Call `report(key, line)` when torch uses the CPU instead. For children, whose stderr nobody
    reads."""
    if sys.platform != "darwin":
        return
    show = warnings.showwarning

    def show_and_report(message: Warning | str, *others: Any, **named: Any) -> None:
        if found := FALLS_BACK.search(str(message)):
            line = (
                f"the Mac's GPU lacks {found[1]}: the CPU computes it, slowly (torch names "
                "only the first)"
            )
            report("metal.fallback", line)
        show(message, *others, **named)

    warnings.showwarning = show_and_report
