"""Which card a CUDA device is, for who asks about it elsewhere."""

import torch


def card_uuid(device: str) -> str:
    """As NVML writes it, `GPU-...`, of a CUDA device on which this process works; "" where it does not: to ask would
    give it a context there, and hundreds of megabytes of the card's memory."""
    if not torch.cuda.is_initialized():
        return ""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
