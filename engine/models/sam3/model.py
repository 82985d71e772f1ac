"""A loaded segmentation model: its networks, device and notes."""

from dataclasses import dataclass
from typing import Any

import torch

from engine.models.device_work import bytes_of, weights_of
from engine.models.sam3 import SegmentationSpec


@dataclass(slots=True, kw_only=True)
class SegmentationModel:
    """SAM3 on its device, frozen and in evaluation mode. Not thread-safe."""

    spec: SegmentationSpec
    device: torch.device
    dtype: torch.dtype
    detector: Any
    """transformers' Sam3Model, built for `spec.resolution`."""
    video: Any
    """transformers' Sam3VideoModel, whose detector_model is `detector`; None if the folder has no tracker."""
    tokenizer: Any
    mask_side: int
    """4 * resolution / 14: 288 at 1008."""
    notes: tuple[str, ...] = ()
    """Notes for the user about loading, one line each."""

    @property
    def networks(self) -> tuple[Any, ...]:
        """Networks that together contain every layer exactly once, for `device_work.call_before_layers`."""
        return (self.detector if self.video is None else self.video,)

    @property
    def is_offloaded(self) -> bool:
        """True if weights are in main memory and copied to the device layer by layer. Always False on a CPU."""
        return self.spec.is_offloaded and self.device.type != "cpu"

    def memory_bytes(self) -> int:
        """Bytes of all weights that are permanently on the device."""
        return bytes_of(weights_of(self.networks))
