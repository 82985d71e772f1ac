"""Counts the operations of a network without running it."""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def count_gflop(call: Callable[[], Result]) -> tuple[float, Result]:
    """GFLOP of `call()` (2 x multiply-adds / 1e9), and its result. Use the meta device to count without computing."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 1e9, result
