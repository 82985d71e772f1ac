"""The `/rvc/*` values as typed settings of the voice child. Pure.

A change takes effect in one of three ways: a new window needs a new stream in the same process,
which starts over; voice settings apply from the next block; a parameter that is fixed when the
model is loaded (`link.BUILT`) needs a new process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.live.kit.pace import build_settings, value_reader
from engine.models.rvc import VoiceSettings

PRELOAD: Final = (
    # first: it registers the replacement for torchaudio before its users are imported
    "engine.models",
    "torch",
    "transformers.models.hubert.modeling_hubert",
    "engine.live.rvc.loop",
    "engine.models.device_work",
    "engine.models.rvc.load",
    "engine.models.rvc.stream",
)
"""Modules that the fork server, or a spare process, imports in advance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The lengths by which the sound is cut into blocks, in milliseconds."""

    block_ms: float
    crossfade_ms: float
    extra_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceChildSettings:
    is_enabled: bool
    is_profiled: bool
    """True if the duration of each stage is reported."""
    window: Window
    voice: VoiceSettings
    is_pitch_auto: bool = False
    pitch_target_hz: float = 155.0
    """Median pitch that `/rvc/pitch_auto` transposes the speaker to."""


def read_settings(values: Mapping[str, Any]) -> VoiceChildSettings:
    """The settings from values by address, as `osc_schema` accepted them; a missing one has its
    default."""
    value = value_reader(values, "/rvc")
    return VoiceChildSettings(
        is_enabled=value("enable"),
        is_profiled=value("profiling"),
        window=build_settings(Window, value),
        is_pitch_auto=value("pitch_auto"),
        pitch_target_hz=value("pitch_target_hz"),
        voice=build_settings(
            VoiceSettings, value, is_autotuned=value("autotune"), threshold_db=value("threshold")
        ),
    )
