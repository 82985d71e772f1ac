"""The values of `/rvc/*` as the voice child uses them. Pure.

A change has one of three costs: another window needs another stream in the same process, which begins anew; the sound
of the voice changes with the next block; a parameter that the model is built with (`spec.BUILT`) needs another process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.live.kit.pace import value_reader
from engine.models.rvc import VoiceSettings

PRELOAD: Final = (
    "engine.models",  # first: the libraries find what stands in for torchaudio
    "torch",
    "transformers.models.hubert.modeling_hubert",
    "engine.live.rvc.loop",
    "engine.models.device_work",
    "engine.models.rvc.load",
    "engine.models.rvc.stream",
)
"""Imported by the fork server of the voice children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How the sound is cut into blocks, in milliseconds."""

    block_ms: float
    crossfade_ms: float
    extra_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceChildSettings:
    is_enabled: bool
    is_profiled: bool
    """True if the milliseconds of the stages are reported."""
    window: Window
    voice: VoiceSettings


def read_settings(values: Mapping[str, Any]) -> VoiceChildSettings:
    """From values by address, as `osc_schema` accepted them; a missing one has its default."""
    value = value_reader(values, "/rvc")
    return VoiceChildSettings(
        is_enabled=value("enable"),
        is_profiled=value("profiling"),
        window=Window(
            block_ms=value("block_ms"),
            crossfade_ms=value("crossfade_ms"),
            extra_ms=value("extra_ms"),
        ),
        voice=VoiceSettings(
            pitch=value("pitch"),
            is_autotuned=value("autotune"),
            formant=value("formant"),
            index_rate=value("index_rate"),
            retrieval_power=value("retrieval_power"),
            protect=value("protect"),
            rms_mix=value("rms_mix"),
            threshold_db=value("threshold"),
            speaker=value("speaker"),
        ),
    )
