"""The device that a benchmark runs on: its memory, its matrix product for comparison, and how long calls take on it.

A wait for the device takes some ten microseconds, and so does the host before the first kernel runs. If each call is
timed alone, both are counted to it: a product of a millisecond looks slower than it is. So many short calls are timed
between two waits, and contenders in turn.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from engine.models.device_work import chosen_place, device_wait

Call = Callable[[], Any]
RUN_S = 0.02
"""Least duration of the calls between two waits."""
MAX_CALLS = 100  # a run of calls that only queue work must end
MATMUL_SIDE = {"cpu": 1024, "mps": 4096, "cuda": 8192}
MATMUL_RUNS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDevice:
    """The device and dtype of a benchmark."""

    device: str
    kind: str
    """cpu, cuda or mps."""
    dtype: torch.dtype
    threads: int
    """CPU threads in use."""

    @property
    def name(self) -> str:
        """Name of the device to show."""
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else self.device

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def place_for(wanted: str, threads: int, *, half: str = "float16") -> MeasuredDevice:
    """The requested device (auto: the fastest on this machine), with float32 on a CPU and `half` elsewhere. ModelError
    if it is not available."""
    device, dtype = chosen_place(wanted, "auto", threads, half=half)
    return MeasuredDevice(device=device, kind=torch.device(device).type, dtype=getattr(torch, dtype), threads=threads)


def matmul_tflops(place: MeasuredDevice) -> float:
    """Speed of a large matrix product with the current number of threads, for comparison; the best of thirty runs. Not
    an upper bound: Winograd convolutions need fewer multiplications than are counted, and other processes have threads
    of their own."""
    side = MATMUL_SIDE[place.kind]
    wait = device_wait(torch.device(place.device))
    a, b = (torch.randn(side, side, device=place.device, dtype=place.dtype) for _ in range(2))
    runs_ms = in_turn_ms({"product": lambda: torch.matmul(a, b)}, wait, rounds=MATMUL_RUNS, min_calls=1)["product"]
    return 2.0 * side**3 / min(runs_ms) / 1e9


def reset_peak_memory(device: torch.device) -> None:
    """Start a new peak for `memory_mb`."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_mb(device: torch.device) -> float:
    """Memory in MiB: on CUDA the peak since `reset_peak_memory`, elsewhere the current memory of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    held_bytes: int = psutil.Process().memory_info().rss
    return held_bytes / 2**20


def calls_a_run(call: Call, wait: Call, *, min_calls: int, now_s: Callable[[], float] = time.perf_counter) -> int:
    """How many calls take `RUN_S`, from `min_calls` to `MAX_CALLS`. Calls twice; the first may do one-time work."""
    call()
    took_s = run_s(call, 1, wait, now_s)
    return max(min_calls, min(MAX_CALLS, math.ceil(RUN_S / max(took_s, RUN_S / MAX_CALLS))))


def run_s(call: Call, count: int, wait: Call, now_s: Callable[[], float] = time.perf_counter) -> float:
    """Seconds a call, of `count` calls one right after the other, the last one's work included."""
    wait()
    began_s = now_s()
    for _ in range(count):
        call()
    wait()
    return (now_s() - began_s) / count


def in_turn_ms(
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
    """Ms a call of each contender, one figure a round; `rounds` of them, and as many as `seconds` allow, after
    `warm_up` others. In a round each contender has one run, so that other load on the machine affects all of them, and
    `after(name)` follows. A run is one call; with `min_calls` at least so many of them, and as many as take `RUN_S`."""
    for call in [*calls.values()] * warm_up:
        call()
    counts = {
        name: calls_a_run(call, wait, min_calls=min_calls, now_s=now_s) if min_calls else 1
        for name, call in calls.items()
    }
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    end_s, done = now_s() + seconds, 0
    while done < rounds or now_s() < end_s:
        for name, call in calls.items():
            times_ms[name].append(1000.0 * run_s(call, counts[name], wait, now_s))
            after(name)
        done += 1
    return times_ms
