"""The settings of the analysis as one value, which the frame loop replaces as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from engine.values import CHANNELS

_NUMBERS = range(1, CHANNELS + 1)
_RATIO = [f"/layer/{n}/ratio" for n in _NUMBERS]
_GAIN = [f"/audio/{n}/gain_db" for n in _NUMBERS]
_AUTO = [f"/audio/{n}/auto" for n in _NUMBERS]
_TRIGGER = [f"/audio/{n}/trigger" for n in _NUMBERS]
_DECAY = [f"/audio/{n}/decay_ms" for n in _NUMBERS]
_CHANNEL = [f"/audio/{n}/channel" for n in _NUMBERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSettings:
    """Values as returned by `osc_schema.accept`; tuples have one entry per layer. Defaults are the
    schema's."""

    window_ms: float = 22.0
    ratios: tuple[float, ...] = (0.5, 0.5, 1.0, 1.0)
    width_px: int = 1280
    hue_glide_ms: float = 1500.0
    is_hue_circle: bool = True
    """True if an octave spans the whole hue circle."""
    layout: str = "auto"
    gain_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    auto: tuple[bool, ...] = (True, True, True, True)
    trigger: tuple[str, ...] = ("off", "off", "off", "off")
    decay_ms: tuple[float, ...] = (1000.0, 1000.0, 1000.0, 1000.0)
    channel_map: tuple[int, ...] = (1, 2, 3, 4)
    """Source channel of each layer in layout direct, counted from 1."""
    voice_channel: int = 0
    """Channel that gets the voice instead of its own sound, counted from 1; 0 for none."""
    ltc_channel: int = 0
    """Source channel with LTC, counted from 1, which is not analysed as sound; 0 for none."""
    loop: str = "all"
    """Repetition of a list of files: all, one or off."""
    monitor_offset_ms: float = 0.0
    """Delay of the monitor's sound after the picture."""
    outgoing: Self | None = None
    """Settings of the outgoing look during a fade, while its waves are still drawn."""
    outgoing_deck: int = 0
    """Number of its deck: another one continues from the state of the look on screen."""

    @classmethod
    def from_values(cls, values: Mapping[str, Any], width_px: int) -> Self:
        """The settings in a snapshot of all parameters (address -> value), for a picture of this
        width."""
        return cls(
            window_ms=values["/multiverse/window_ms"],
            ratios=tuple([values[address] for address in _RATIO]),
            width_px=width_px,
            hue_glide_ms=values["/colour/glide_ms"],
            is_hue_circle=values["/colour/spread"] >= 1.0,
            layout=values["/audio/layout"],
            gain_db=tuple([values[address] for address in _GAIN]),
            auto=tuple([values[address] for address in _AUTO]),
            trigger=tuple([values[address] for address in _TRIGGER]),
            decay_ms=tuple([values[address] for address in _DECAY]),
            channel_map=tuple([values[address] for address in _CHANNEL]),
            voice_channel=values["/rvc/channel"],
            loop=values["/audio/file/loop"],
            monitor_offset_ms=values["/audio/monitor/offset_ms"],
            ltc_channel=values["/timecode/ltc_channel"]
            if values["/timecode/source"] == "ltc"
            else 0,
        )
