"""A loaded segmentation model: its networks, device and notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from engine.models.device_work import weights_of
from engine.models.model_on_device import ModelOnDevice
from engine.models.sam3 import SegmentationSpec


@dataclass(slots=True, kw_only=True)
class SegmentationModel(ModelOnDevice):
    spec: SegmentationSpec
    detector: Any
    """transformers' Sam3Model, built for `spec.resolution`."""
    video: Any
    """transformers' Sam3VideoModel, whose detector_model is `detector`; None if the folder has no
    tracker."""
    tokenizer: Any
    mask_side: int
    """4 * resolution / 14: 288 at 1008."""

    @property
    def networks(self) -> tuple[Any, ...]:
        """Networks that together contain every layer exactly once, for
        `device_work.call_before_layers`."""
        return (self.detector if self.video is None else self.video,)

    @property
    def is_offloaded(self) -> bool:
        """True if weights are in main memory and copied to the device layer by layer. Always False
        on a CPU."""
        return self.spec.is_offloaded and self.device.type != "cpu"

    def tensors(self) -> Iterator[torch.Tensor]:
        return weights_of(self.networks)
