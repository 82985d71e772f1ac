"""One budget for the memory of a CUDA card that several processes share: children, jobs and other programs.

Before weights are loaded, `reserved` compares them with what CUDA says is free. Models that other processes are loading
at that moment are not yet in it, so each process claims its share by the name of an empty file meanwhile. A model that
would fit without the claims made before its own waits until they are gone, and is judged then.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import torch

from engine.errors import DeviceFullError
from engine.models.device_work import is_out_of_memory

GIB = 2**30
PICTURE_SHARE = 0.1
"""Share of a card that is left to the desktop and the renderer on Windows, where a full card becomes slow, not full."""
WORKSPACE_BYTES = 256 * 2**20
"""Needed besides the weights: cuBLAS keeps 32 MiB for each stream on Hopper (torch's ATen/cuda/CublasHandlePool.cpp), a
job has four, and half is for cuDNN's convolutions. Pictures are not in it: their size may still change."""
CLAIMS = "multiverse-card"
POLL_S = 0.2
MAX_POLLS = 600  # 120 s: a live child has 300 s to load, and loads after that
MAX_LOADING_NS = 600 * 10**9  # an older claim belongs to a dead process whose number was given out again

_cuda: Any = torch.cuda  # torch annotates it only partly


@contextmanager
def reserved(
    device: torch.device | str, weigh: Callable[[], int], model: str, *, sleep: Callable[[float], object] = time.sleep
) -> Iterator[None]:
    """Load a model's weights within this block. DeviceFullError, in one line with the figures, if they do not fit.
    `weigh()`: bytes of the weights on the device; called for CUDA only, because nothing is done for other devices.
    Waits two minutes at most for models that other processes load; `sleep` takes seconds."""
    place = torch.device(device)
    if place.type != "cuda":
        yield
        return
    weight_bytes = weigh()
    needed_bytes = weight_bytes + WORKSPACE_BYTES
    claim = _claim_file(place, needed_bytes)
    with suppress(OSError):  # a folder that is full or read-only: others do not learn of this model
        claim.touch()
    try:
        for _ in range(MAX_POLLS):
            claimed = sum(_earlier_claims(claim))  # first: what is uploaded in between counts twice, not not at all
            left, whole = _room(place)
            if not left - claimed < needed_bytes <= left:
                break
            sleep(POLL_S)
        if needed_bytes > left - claimed:
            waited = needed_bytes <= left  # in vain
            others = f", less {_gib(claimed)} that models being loaded claim" if waited else ""
            raise DeviceFullError(
                f"{model}: its weights take {_gib(weight_bytes)}, its workspaces {_gib(WORKSPACE_BYTES)}; of "
                f"{_gib(whole)} {place} has {_gib(left)} left{others}; close what else uses the card, or choose a "
                "smaller model"
            )
        limit_to_free(place)
        yield
    finally:
        with suppress(OSError):
            claim.unlink()


def limit_to_free(device: torch.device | str) -> None:
    """On Windows, let this process take no more than the card has left now. Call it again before it grows. Otherwise
    the driver moves memory to RAM, and every program on the card becomes many times slower without an error."""
    place = torch.device(device)
    if sys.platform == "win32" and place.type == "cuda":
        left, whole = _room(place)
        share = (left + _cuda.memory_reserved(place)) / whole
        _cuda.set_per_process_memory_fraction(min(share, 1.0), place.index)  # None: the current one


@contextmanager
def full_told(model: str, device: str, dtype: str) -> Iterator[None]:
    """Load a model within this block. DeviceFullError, in one line, if any kind of device runs out of memory. `dtype`:
    of its weights. On CUDA the line tells what is left."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        left, whole = _room(device) if device.startswith("cuda") else (0, 0)
        told = f"; {_gib(left)} of {_gib(whole)} are left" if whole else ""
        advice = "; try the dtype float16" if dtype == "float32" else ""
        raise DeviceFullError(f"{model}: not enough memory for its weights on {device}{told}{advice}") from None


@contextmanager
def told_when_full(line: str) -> Iterator[None]:
    """Raise DeviceFullError with this line if the device runs out of memory within this block."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceFullError(line) from None


def card_facts(device: torch.device) -> dict[str, int]:
    """MiB that the whole card has, and has left, for the status; {} for devices that are not CUDA."""
    if device.type != "cuda":
        return {}
    left, whole = _cuda.mem_get_info(device)
    return {"card_mb": whole >> 20, "card_free_mb": left >> 20}


def _room(device: torch.device | str) -> tuple[int, int]:
    """Bytes that this process may still take of the card, and bytes of the whole card."""
    left, whole = _cuda.mem_get_info(device)
    kept = PICTURE_SHARE * whole if sys.platform == "win32" else 0
    return max(0, left - int(kept)), whole


def _claim_file(device: torch.device, needed_bytes: int) -> Path:
    card = card_uuid(str(device)) or str(device).replace(":", "-")
    return Path(tempfile.gettempdir(), f"{CLAIMS},{card},{time.time_ns():020},{os.getpid()},{needed_bytes}")


def _earlier_claims(own: Path) -> Iterator[int]:
    """Bytes of the claims of living processes on the same card that were made before this one."""
    prefix, card, *_ = own.name.split(",")
    for file in own.parent.glob(f"{prefix},{card},*"):
        with suppress(ValueError, OSError):  # not one of ours; another user's, which only he may remove
            _, _, began_ns, pid, claimed = file.name.split(",")
            if not psutil.pid_exists(int(pid)) or time.time_ns() - int(began_ns) > MAX_LOADING_NS:
                file.unlink(missing_ok=True)  # of a process that was killed
            elif file.name < own.name:
                yield int(claimed)


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


def card_uuid(device: str) -> str:
    """The UUID of a CUDA device as NVML writes it, `GPU-...`, or "" if this process does not use CUDA yet. A query
    would create a CUDA context, which takes hundreds of megabytes of the card's memory."""
    if not _cuda.is_initialized():
        return ""
    return f"GPU-{_cuda.get_device_properties(device).uuid}"
