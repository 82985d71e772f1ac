"""Where a benchmark measures, what was held there, and the most that anything can reach there."""

import time
from dataclasses import dataclass

import psutil
import torch

from engine.models.device_work import chosen_device, chosen_dtype, device_wait

MATMUL_SIDE = {"cpu": 1024, "mps": 4096, "cuda": 8192}
MATMUL_RUNS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDevice:
    """Where to measure, and in what."""

    device: str
    kind: str
    """cpu, cuda or mps."""
    dtype: torch.dtype

    @property
    def name(self) -> str:
        """Of the device, for people."""
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else self.device

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def place_for(wanted: str, *, half: str = "float16") -> MeasuredDevice:
    """The device asked for (auto: the fastest here), in float32 on a CPU and `half` elsewhere; ModelError where it is
    not."""
    device = chosen_device(wanted)
    dtype = getattr(torch, chosen_dtype("auto", device, half=half))
    return MeasuredDevice(device=device, kind=torch.device(device).type, dtype=dtype)


def matmul_tflops(place: MeasuredDevice) -> float:
    """What a large matrix product reaches on these threads, to compare with; the best of thirty.

    No limit: Winograd's way to work out a convolution multiplies less than is counted, and stages in processes of
    their own have threads of their own.
    """
    side = MATMUL_SIDE[place.kind]
    wait = device_wait(torch.device(place.device))
    a, b = (torch.randn(side, side, device=place.device, dtype=place.dtype) for _ in range(2))
    best_s = float("inf")
    for _ in range(MATMUL_RUNS):
        wait()
        began_s = time.perf_counter()
        torch.matmul(a, b)
        wait()
        best_s = min(best_s, time.perf_counter() - began_s)
    return 2.0 * side**3 / best_s / 1e12


def reset_peak_memory(device: torch.device) -> None:
    """From here on `memory_mb` looks for the most."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_mb(device: torch.device) -> float:
    """MiB: on CUDA the most that was in use since `reset_peak_memory`, elsewhere what the whole process holds now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20
