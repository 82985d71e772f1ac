"""Device functions that do not depend on a model: choose, wait, time, copy, and detect out-of-memory errors."""

import gc
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from engine.errors import ModelError

_cuda: Any = torch.cuda  # torch annotates neither its events nor its streams

# The CPU and MPS allocators raise a plain RuntimeError when out of memory, and so does CUDA for handles and streams.
# These are their messages. The context stays usable after them.
FULL = (
    "ALLOC_FAILED",
    "CUDA error: out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "MPS backend out of memory",
)
DTYPES = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}
STREAMS = 32  # number of streams in torch's pool for a CUDA device; it hands them out in turn, even those still in use
MAX_CONVOLVED = {"mps": 65_536}
"""The longest side of a convolution's result, by kind of device; devices without a limit are not listed."""
MAX_SHARE = 0.9  # share of a device's memory that may be used on Windows; the rest is for the desktop and the renderer


def chosen_device(wanted: str) -> str:
    """Resolve `auto` to the fastest kind of device on this machine. ModelError for a kind that is not available."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(kind for kind, is_here in here.items() if is_here)
    kind = wanted.partition(":")[0]
    if not here.get(kind, False):
        found = ", ".join(kind for kind, is_here in here.items() if is_here)
        raise ModelError(f"device {wanted}: not available (found: {found}); `multiverse doctor` shows the reason")
    return wanted


def call_before_layers(networks: Iterable[torch.nn.Module], call: Callable[[], None]) -> None:
    """Call `call()` before each convolution and linear layer of these networks. The hooks cannot be removed."""
    for network in networks:
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.register_forward_pre_hook(lambda layer, inputs: call())


def in_fastest_layout(module: Any, device: torch.device) -> Any:
    """The module, converted to channels-last on CUDA (for tensor cores) and CPUs (1.2 times as fast at 512 px)."""
    return module if device.type == "mps" else module.to(memory_format=torch.channels_last)


def chosen_dtype(wanted: str, device: str, *, half: str = "float16") -> str:
    """Resolve `auto` to `half` on a GPU and float32 on a CPU, where convolutions are slower in half precision."""
    if wanted != "auto":
        return wanted
    return "float32" if device == "cpu" else half


def dtype_named(name: str) -> torch.dtype:
    """The torch dtype for float16 or fp16, bfloat16 or bf16, float32 or fp32. ModelError for any other name."""
    if name not in DTYPES:
        raise ModelError(f"dtype {name}: not one of {', '.join(DTYPES)}")
    return DTYPES[name]


def max_convolved(device: torch.device) -> int:
    """The longest side that a convolution's result may have on this device; `sys.maxsize` for no limit.

    MPS before macOS 15.1 refuses 65 537 with "Output channels > 65536 not supported", for any side, and sound is
    longer (torch's aten/src/ATen/native/mps/operations/Convolution.mm).
    """
    if device.type == "mps" and torch.backends.mps.is_macos_or_newer(15, 1):
        return sys.maxsize
    return MAX_CONVOLVED.get(device.type, sys.maxsize)


def use_threads(count: int) -> None:
    """Set the number of CPU threads for the whole process."""
    torch.set_num_threads(count)


def forbid_spilling(device: str) -> None:
    """Make CUDA allocations fail on Windows too when the device is full.

    Otherwise the driver moves memory to RAM, and the child becomes many times slower without an error.
    """
    if sys.platform == "win32" and device.startswith("cuda"):
        torch.cuda.set_per_process_memory_fraction(MAX_SHARE, torch.device(device).index)  # None: the current one


def is_out_of_memory(error: BaseException) -> bool:
    """True if the device was out of memory. After any other CUDA error the context is unusable."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in FULL)
    )


def device_wait(device: torch.device) -> Callable[[], None]:
    """A function that blocks until the device has finished all its work. The thread sleeps meanwhile."""
    if device.type == "cuda":
        done = _cuda.Event(blocking=True)  # without it the driver busy-waits and takes a core from the renderer

        def wait() -> None:
            # `device` is passed because otherwise the event is recorded on the current device's stream, possibly of
            # another device, and completes at once. Looked up each time, because inside `torch.cuda.stream` the current
            # stream differs.
            done.record(torch.cuda.current_stream(device))
            done.synchronize()

        return wait
    if device.type == "mps":
        return _metal_wait(device)
    return lambda: None  # a CPU has finished when the call returns


def _metal_wait(device: torch.device) -> Callable[[], None]:
    """A function that blocks until an MPS device has finished all its work, without holding the GIL.

    torch.mps.synchronize holds the GIL (torch/csrc/mps/Module.cpp), so the heartbeat thread would stop while the device
    works, and a child counts as hung after 10 s. A copy to the host waits for all earlier work too, but releases the
    GIL.
    """
    last = torch.zeros(1, device=device)

    def wait() -> None:
        last.cpu()

    return wait


_streams: weakref.WeakSet[Any] = weakref.WeakSet()  # the streams in use


def own_stream(device: torch.device) -> Any:
    """A CUDA stream that no other caller of this function uses. Streams are shared only if all 32 are in use."""
    for _ in range(STREAMS):
        stream = _cuda.Stream(device)
        if stream not in _streams:  # compares equal without being the same object
            break
    _streams.add(stream)
    return stream


def free_memory(device: torch.device) -> None:
    """Return the allocator's cached memory to the device."""
    gc.collect()  # the traceback of an error keeps the tensors of the failed call alive
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def memory_mb(device: torch.device) -> float | None:
    """MiB of device memory held by this process, or None on a CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device) / 2**20
    if device.type == "mps":
        return torch.mps.driver_allocated_memory() / 2**20
    return None


def weights_of(networks: Iterable[torch.nn.Module]) -> Iterator[torch.Tensor]:
    """Parameters and buffers of these networks."""
    for network in networks:
        yield from network.parameters()
        yield from network.buffers()


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of these tensors. Shared memory counts once; tensors on the meta device do not count."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors if not tensor.is_meta}.values())


class StageClock:
    """Measures the milliseconds of each stage of a call: by CUDA events, without waiting, or else by host time."""

    def __init__(self, device: torch.device, idle_s: Callable[[], float] = lambda: 0.0) -> None:
        """`idle_s()`: total seconds that the caller has deliberately waited; not counted to any stage."""
        self._device, self._is_cuda = device, device.type == "cuda"
        # Metal calls return early, too.
        self._wait: Callable[[], None] = (lambda: None) if self._is_cuda else device_wait(device)
        self._idle_s = idle_s
        self._marks: list[tuple[str, Any, float]] = []

    def begin(self) -> None:
        self._marks = [("", self._now(), self._idle_s())]

    def end(self, stage: str) -> None:
        """Attribute the work queued on the device since the last mark to `stage`."""
        self._marks.append((stage, self._now(), self._idle_s()))

    def read_ms(self) -> dict[str, float]:
        """Milliseconds by stage; a stage that was marked several times is summed. Waits for the device."""
        if self._is_cuda and self._marks:
            last: Any = self._marks[-1][1]
            last.synchronize()  # later events may still be pending
        times: dict[str, float] = {}
        for (_, before, idle_before_s), (stage, after, idle_s) in zip(self._marks, self._marks[1:], strict=False):
            ms = before.elapsed_time(after) if self._is_cuda else (after - before) * 1000.0
            times[stage] = times.get(stage, 0.0) + ms - (idle_s - idle_before_s) * 1000.0
        return times

    def _now(self) -> Any:
        if not self._is_cuda:
            self._wait()
            return time.perf_counter()
        event = _cuda.Event(enable_timing=True)
        event.record(_cuda.current_stream(self._device))  # as in `device_wait`
        return event


class DeviceCopy:
    """Copies pictures to the device through a pinned buffer, because a copy from pageable memory blocks the host."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffer = torch.empty(0, dtype=torch.uint8)

    def send(self, picture: np.ndarray) -> torch.Tensor:
        """Copy a picture (height, width, channels) uint8, or a batch of them, to the device, as a batch.

        On a CPU the result shares the picture's memory. The device must have finished reading the previous picture.
        """
        given = torch.from_numpy(picture)
        given = given if given.ndim == 4 else given[None]
        if self._device.type != "cuda":
            return given.to(self._device)
        if self._buffer.shape != given.shape:
            self._buffer = torch.empty(given.shape, dtype=torch.uint8, pin_memory=True)
        self._buffer.copy_(given)
        return self._buffer.to(self._device, non_blocking=True)


class DeviceCopies:
    """A DeviceCopy with a separate buffer for each of the inputs of a batch."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copies: dict[str, DeviceCopy] = {}

    def send(self, what: str, pictures: np.ndarray) -> torch.Tensor:
        """Like `DeviceCopy.send`, with the buffer named `what`. The device must have finished reading its previous
        content."""
        if what not in self._copies:
            self._copies[what] = DeviceCopy(self._device)
        # Copy a read-only array: torch has no read-only tensors and would warn.
        return self._copies[what].send(np.require(pictures, requirements=("C", "W")))


class HostCopy:
    """Copies a picture and its validity flag to the host through pinned buffers, with a single wait for both."""

    def __init__(self, device: torch.device, shape: tuple[int, int, int]) -> None:
        is_cuda = device.type == "cuda"
        self._is_cuda = is_cuda
        self._wait = device_wait(device)
        self._picture = torch.empty(shape, dtype=torch.uint8, pin_memory=is_cuda)
        self._is_finite = torch.empty((), dtype=torch.bool, pin_memory=is_cuda)

    def fetch(self, picture: torch.Tensor, is_finite: torch.Tensor) -> tuple[np.ndarray, bool]:
        """The picture (height, width, 3) uint8, and True if it is finite. The next fetch overwrites the array."""
        self._picture.copy_(picture, non_blocking=self._is_cuda)
        self._is_finite.copy_(is_finite, non_blocking=self._is_cuda)
        self._wait()
        return self._picture.numpy(), bool(self._is_finite)


class HostBuffers:
    """Copies tensors to the host through pinned buffers, with one wait for all of them."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._wait = device_wait(device)
        self._buffers: list[torch.Tensor] = []

    def fetch(self, *tensors: torch.Tensor) -> tuple[np.ndarray, ...]:
        """The tensors' values on the host, overwritten by the next fetch. On a CPU they share the tensors' memory."""
        if not self._is_cuda:
            return tuple(tensor.cpu().numpy() for tensor in tensors)
        if [(each.shape, each.dtype) for each in self._buffers] != [(each.shape, each.dtype) for each in tensors]:
            self._buffers = [torch.empty(each.shape, dtype=each.dtype, pin_memory=True) for each in tensors]
        for buffer, tensor in zip(self._buffers, tensors, strict=True):
            buffer.copy_(tensor, non_blocking=True)
        self._wait()
        return tuple(buffer.numpy() for buffer in self._buffers)
