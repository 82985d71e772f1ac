"""The device that a benchmark runs on, its memory use, and its matrix product speed for comparison."""

from dataclasses import dataclass

import psutil
import torch

from engine.models.call_times import in_turn_s
from engine.models.device_work import chosen_device, chosen_dtype, device_wait

MATMUL_SIDE = {"cpu": 1024, "mps": 4096, "cuda": 8192}
MATMUL_RUNS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDevice:
    """The device and dtype of a benchmark."""

    device: str
    kind: str
    """cpu, cuda or mps."""
    dtype: torch.dtype

    @property
    def name(self) -> str:
        """Name of the device to show."""
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else self.device

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def place_for(wanted: str, *, half: str = "float16") -> MeasuredDevice:
    """The requested device (auto: the fastest on this machine), with float32 on a CPU and `half` elsewhere. ModelError
    if it is not available."""
    device = chosen_device(wanted)
    dtype = getattr(torch, chosen_dtype("auto", device, half=half))
    return MeasuredDevice(device=device, kind=torch.device(device).type, dtype=dtype)


def matmul_tflops(place: MeasuredDevice) -> float:
    """Speed of a large matrix product with the current number of threads, for comparison; the best of thirty runs. Not
    an upper bound: Winograd convolutions need fewer multiplications than are counted, and other processes have threads
    of their own."""
    side = MATMUL_SIDE[place.kind]
    wait = device_wait(torch.device(place.device))
    a, b = (torch.randn(side, side, device=place.device, dtype=place.dtype) for _ in range(2))
    runs_s = in_turn_s({"product": lambda: torch.matmul(a, b)}, wait, rounds=MATMUL_RUNS)["product"]
    return 2.0 * side**3 / min(runs_s) / 1e12


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
