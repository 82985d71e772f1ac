"""The `/sam3/*` values as typed settings of the segmentation child; see `pace` for the rest. Pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.live.kit.pace import filled, value_reader
from osc_schema.sam3 import PROMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSettings:
    prompts: tuple[str, ...]
    """The four prompts as typed; blank ones are not used."""
    mode: str
    """image or track"""
    source: str
    """The engine's source of the pictures."""
    threshold: float
    most: int
    """Maximum number of objects."""

    @property
    def texts(self) -> dict[str, str]:
        """The prompts to encode, by address, without blank ones. They are suspects for quarantine if the process
        dies."""
        return {f"/sam3/prompt/{n}": text for n, text in zip(PROMPTS, self.prompts, strict=True) if text.strip()}

    @property
    def query(self) -> Hashable:
        """Prompts, mode and source: the settings whose change needs preparation. Threshold and count need none, so
        modulation may change them in every frame."""
        return self.prompts, self.mode, self.source


def read_settings(values: Mapping[str, Any]) -> SegmentationSettings:
    """From values by address, as `osc_schema` accepted them; a missing one has its default."""
    value = value_reader(values, "/sam3")
    prompts = tuple(value(f"prompt/{n}") for n in PROMPTS)
    return filled(SegmentationSettings, value, prompts=prompts, most=value("max_objects"))
