"""The values of `/sam3/*` as the segmentation child uses them (`pace` has the rest), and what a change costs. Pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.live.kit.pace import value_reader
from osc_schema.sam3 import PROMPTS

PRELOAD: Final = (
    "engine.models",  # first: the libraries find what stands in for torchaudio
    "torch",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "transformers.models.sam3.modeling_sam3",
    "transformers.models.sam3_tracker_video.modeling_sam3_tracker_video",
    "transformers.models.sam3_video.modeling_sam3_video",
    "engine.live.sam3.loop",
    "engine.models.device_work",
    "engine.models.sam3.load",
    "engine.models.sam3.segmenter",
)
"""What the process that SAM3 children are forked from has imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSettings:
    prompts: tuple[str, ...]
    """The four of them, as they were typed; blank: not used."""
    mode: str
    """image or track"""
    source: str
    """Where the engine says that the pictures come from."""
    threshold: float
    most: int
    """Objects at once."""

    @property
    def texts(self) -> dict[str, str]:
        """By address, what is encoded, and what a process may thus die of; nothing that is blank."""
        return {f"/sam3/prompt/{n}": text for n, text in zip(PROMPTS, self.prompts, strict=True) if text.strip()}

    @property
    def query(self) -> Hashable:
        """What is searched for, how and where; a new one must be prepared. Threshold and count, which modulation may
        change in every frame, are no part of it."""
        return self.prompts, self.mode, self.source


def read_settings(values: Mapping[str, Any]) -> SegmentationSettings:
    """`values` by address, as `osc_schema` accepted them; what is missing has its default."""
    value = value_reader(values, "/sam3")
    return SegmentationSettings(
        prompts=tuple(value(f"prompt/{n}") for n in PROMPTS),
        mode=value("mode"),
        source=value("source"),
        threshold=value("threshold"),
        most=value("max_objects"),
    )
