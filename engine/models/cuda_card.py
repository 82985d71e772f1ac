"""Identifies the card of a CUDA device, so that NVML can be asked about it."""

from typing import Any

import torch


def card_uuid(device: str) -> str:
    """The UUID of a CUDA device as NVML writes it, `GPU-...`, or "" if this process does not use CUDA yet.

    A query would create a CUDA context, which takes hundreds of megabytes of the card's memory.
    """
    cuda: Any = torch.cuda  # torch.cuda is only partly annotated
    if not cuda.is_initialized():
        return ""
    return f"GPU-{cuda.get_device_properties(device).uuid}"
