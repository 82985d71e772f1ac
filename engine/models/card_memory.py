"""One budget for the memory of a CUDA card that several processes share: children, jobs and other
programs.

Before weights are loaded, `reserve_memory` compares their size with the memory that CUDA reports as
free. This does not include models that other processes are still loading. So each loading process
claims its memory with an empty file, whose name holds the size. A model that would fit without the
earlier claims waits until these are removed.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import torch

from engine.errors import DeviceFullError
from engine.models.device_work import is_out_of_memory

GIB = 2**30
DESKTOP_FRACTION = 0.1
"""Fraction of a card left to the desktop and the renderer on Windows, where a full card gets slow,
without an error."""
WORKSPACE_BYTES = 256 * 2**20
"""Memory needed besides the weights. cuBLAS allocates 32 MiB per stream on Hopper (torch's
ATen/cuda/CublasHandlePool.cpp), a job has four streams, and cuDNN's convolutions need as much
again. Pictures are not included, because their size may still change."""
CLAIM_PREFIX = "multiverse-card"
POLL_S = 0.2
MAX_POLLS = 600  # 120 s: a live child has 300 s to load, and loads after that
# an older claim belongs to a dead process whose number was given out again
MAX_LOADING_NS = 600 * 10**9

_cuda: Any = torch.cuda  # torch annotates it only partly


@contextmanager
def reserve_memory(
    device: torch.device | str,
    weigh: Callable[[], int],
    model: str,
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Reserve memory for a model's weights, which are loaded within the `with` block.
    DeviceFullError, in one line with the figures, if they do not fit. `weigh()` returns the bytes
    of the weights on the device. It is called for CUDA only; other devices are not checked. Waits
    up to two minutes for models that other processes load."""
    cuda_device = torch.device(device)
    if cuda_device.type != "cuda":
        yield
        return
    weight_bytes = weigh()
    needed_bytes = weight_bytes + WORKSPACE_BYTES
    claim = _claim_file(cuda_device, needed_bytes)
    with suppress(OSError):  # a folder that is full or read-only: others do not learn of this model
        claim.touch()
    claimed = 0
    left = 0
    whole = 0
    try:
        for _ in range(MAX_POLLS):
            # before the next line: better to count an upload twice than never
            claimed = sum(_earlier_claims(claim))
            left, whole = _free_and_total(cuda_device)
            if not left - claimed < needed_bytes <= left:
                break
            sleep(POLL_S)
        if needed_bytes > left - claimed:
            was_waiting = needed_bytes <= left
            others = f", less {_gib(claimed)} that models being loaded claim" if was_waiting else ""
            raise DeviceFullError(
                f"{model}: its weights take {_gib(weight_bytes)}, its workspaces "
                f"{_gib(WORKSPACE_BYTES)}; of "
                f"{_gib(whole)} {cuda_device} has {_gib(left)} left{others}; close what else uses "
                "the card, or choose "
                "a smaller model"
            )
        limit_to_free(cuda_device)
        yield
    finally:
        with suppress(OSError):
            claim.unlink()


def limit_to_free(device: torch.device | str) -> None:
    """Limit this process to the memory that the card has free now; on Windows only. Call again
    before the process needs more. Without a limit the driver moves memory to RAM: every program on
    the card gets many times slower."""
    torch_device = torch.device(device)
    if sys.platform == "win32" and torch_device.type == "cuda":
        left, whole = _free_and_total(torch_device)
        fraction = (left + _cuda.memory_reserved(torch_device)) / whole
        # None: the current one
        _cuda.set_per_process_memory_fraction(min(fraction, 1.0), torch_device.index)


def translate_load_oom(model: str, device: str, dtype: str) -> AbstractContextManager[None]:
    """Raise DeviceFullError, in one line, if the device runs out of memory while a model is loaded
    in the `with` block. On CUDA the line contains the free memory. `dtype` is that of the
    weights."""

    def line() -> str:
        left, whole = _free_and_total(device) if device.startswith("cuda") else (0, 0)
        free_text = f"; {_gib(left)} of {_gib(whole)} are left" if whole else ""
        advice = "; try the dtype float16" if dtype == "float32" else ""
        return f"{model}: not enough memory for its weights on {device}{free_text}{advice}"

    return translate_oom(line)


@contextmanager
def translate_oom(line: str | Callable[[], str]) -> Iterator[None]:
    """Raise DeviceFullError with this line if the device runs out of memory within the `with`
    block."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise DeviceFullError(line if isinstance(line, str) else line()) from None
        raise


def card_facts(device: torch.device) -> dict[str, int]:
    """MiB of the card's total and free memory, for the status; {} for devices other than CUDA."""
    if device.type != "cuda":
        return {}
    left, whole = _cuda.mem_get_info(device)
    return {"card_mb": whole >> 20, "card_free_mb": left >> 20}


def _free_and_total(device: torch.device | str) -> tuple[int, int]:
    """Bytes of the card that this process may still allocate, and the card's total bytes."""
    left, whole = _cuda.mem_get_info(device)
    desktop_bytes = DESKTOP_FRACTION * whole if sys.platform == "win32" else 0
    return max(0, left - int(desktop_bytes)), whole


def _claim_file(device: torch.device, needed_bytes: int) -> Path:
    card = card_uuid(str(device)) or str(device).replace(":", "-")
    return Path(
        tempfile.gettempdir(),
        f"{CLAIM_PREFIX},{card},{time.time_ns():020},{os.getpid()},{needed_bytes}",
    )


def _earlier_claims(own: Path) -> Iterator[int]:
    """Bytes of the claims of living processes on the same card that were made before this one."""
    prefix, card, *_ = own.name.split(",")
    for file in own.parent.glob(f"{prefix},{card},*"):
        # not one of ours; another user's, which only he may remove
        with suppress(ValueError, OSError):
            _, _, began_ns, pid, claimed = file.name.split(",")
            if not psutil.pid_exists(int(pid)) or time.time_ns() - int(began_ns) > MAX_LOADING_NS:
                file.unlink(missing_ok=True)  # of a process that was killed
            elif file.name < own.name:
                yield int(claimed)


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


def card_uuid(device: str) -> str:
    """The UUID of a CUDA device as NVML writes it, `GPU-...`, or "" if this process does not use
    CUDA yet. A query would create a CUDA context, which takes hundreds of megabytes of the card's
    memory."""
    if not _cuda.is_initialized():
        return ""
    return f"GPU-{_cuda.get_device_properties(device).uuid}"
