"""Identifies the card of a CUDA device, so that NVML can be asked about it."""

import torch


def card_uuid(device: str) -> str:
    """The UUID of a CUDA device as NVML writes it, `GPU-...`, or "" if this process does not use CUDA yet.

    Asking then would create a context there, which takes hundreds of megabytes of the card's memory.
    """
    if not torch.cuda.is_initialized():
        return ""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
