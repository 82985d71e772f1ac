"""Benchmarks on a device: its memory, the speed of a matrix product for comparison, and the
duration of calls.

Waiting for the device takes some ten microseconds, and so does launching the first kernel. Timing
each call alone would include both: a call of a millisecond would look slower than it is. So many
short calls are timed between two waits, and the compared calls are interleaved.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch

from engine.models.device_work import device_and_dtype, device_wait

Call = Callable[[], Any]
RUN_S = 0.02
"""Minimum duration of the calls between two waits."""
MAX_CALLS = 100  # limits a run of calls that only queue work
MATMUL_SIDE = {"cpu": 1024, "mps": 4096, "cuda": 8192}
MATMUL_RUNS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDevice:
    device: str
    kind: str
    """cpu, cuda or mps."""
    dtype: torch.dtype
    threads: int
    """CPU threads in use."""

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else self.device

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def in_float32(self) -> "MeasuredDevice | None":
        """The same CPU in float32, for comparison; None if it is in that already, or is a card."""
        is_half_on_cpu = self.kind == "cpu" and self.dtype != torch.float32
        return replace(self, dtype=torch.float32) if is_half_on_cpu else None


def measured_device(
    requested: str, threads: int, *, half: str = "float16", is_exact: bool = False
) -> MeasuredDevice:
    """The requested device (auto: the fastest on this machine), in the dtype that `resolve_dtype`
    chooses. ModelError if it is not available."""
    device, dtype = device_and_dtype(requested, "auto", threads, half=half, is_exact=is_exact)
    return MeasuredDevice(
        device=device, kind=torch.device(device).type, dtype=getattr(torch, dtype), threads=threads
    )


def matmul_tflops(measured: MeasuredDevice) -> float:
    """TFLOPS of a large matrix product with the current number of threads; the best of thirty runs,
    for comparison. Not an upper bound: Winograd convolutions need fewer multiplications than are
    counted."""
    side = MATMUL_SIDE[measured.kind]
    wait = device_wait(torch.device(measured.device))
    a, b = (torch.randn(side, side, device=measured.device, dtype=measured.dtype) for _ in range(2))
    runs_ms = interleaved_ms(
        {"product": lambda: torch.matmul(a, b)}, wait, rounds=MATMUL_RUNS, min_calls=1
    )["product"]
    return 2.0 * side**3 / min(runs_ms) / 1e9


def reset_peak_memory(device: torch.device) -> None:
    """Start a new peak for `memory_mb`."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_mb(device: torch.device) -> float:
    """Memory in MiB: on CUDA the peak since `reset_peak_memory`, elsewhere the current memory of
    the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    rss_bytes: int = psutil.Process().memory_info().rss
    return rss_bytes / 2**20


def calls_per_run(
    call: Call, wait: Call, *, min_calls: int, now_s: Callable[[], float] = time.perf_counter
) -> int:
    """Number of calls that take RUN_S, from `min_calls` to MAX_CALLS. Calls twice; the first may do
    one-time work."""
    call()
    took_s = run_s(call, 1, wait, now_s)
    return max(min_calls, min(MAX_CALLS, math.ceil(RUN_S / max(took_s, RUN_S / MAX_CALLS))))


def run_s(
    call: Call, count: int, wait: Call, now_s: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds per call of `count` consecutive calls, including the last one's work on the
    device."""
    wait()
    began_s = now_s()
    for _ in range(count):
        call()
    wait()
    return (now_s() - began_s) / count


def interleaved_ms(
    calls: Mapping[str, Call],
    wait: Call = lambda: None,
    *,
    rounds: int,
    seconds: float = 0.0,
    warm_up: int = 0,
    min_calls: int = 0,
    after: Callable[[str], object] = lambda name: None,
    now_s: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Milliseconds per call of each of `calls`, one value per round. There are at least `rounds`
    rounds, and as many as fit into `seconds`, after `warm_up` untimed ones. In a round each call
    has one run, followed by `after(name)`, so that other load affects all alike. A run is one call,
    or with `min_calls` at least that many, for `RUN_S`."""
    for call in [*calls.values()] * warm_up:
        call()
    counts = {
        name: calls_per_run(call, wait, min_calls=min_calls, now_s=now_s) if min_calls else 1
        for name, call in calls.items()
    }
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    end_s = now_s() + seconds
    done = 0
    while done < rounds or now_s() < end_s:
        for name, call in calls.items():
            times_ms[name].append(1000.0 * run_s(call, counts[name], wait, now_s))
            after(name)
        done += 1
    return times_ms
