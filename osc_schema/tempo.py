"""Tempo for synced LFOs: set, tapped, or from MIDI clock."""

from typing import Any

from osc_schema.declare import number, switch, trigger
from osc_schema.types import Area

# The tempo belongs to the band: presets and panic do not change it.
_PLAYED: dict[str, Any] = {"stored": False, "is_look": False}

AREA = Area(
    title="Tempo",
    description="Tempo for synced LFOs. A tapped tempo, or one from MIDI clock, shows in `/tempo/bpm`.",
    params=(
        number(
            "/tempo/bpm",
            120,
            20,
            300,
            "Tempo: set, tapped, or from MIDI clock.",
            "beats/min",
            smoothing_ms=0,
            words="speed rate beat clock",
            **_PLAYED,
        ),
        trigger(
            "/tempo/tap",
            "Taps the tempo: from the second tap on, the mean of up to eight intervals sets it. A pause, or a tap far "
            "off the beat, starts over.",
            words="speed bpm beat sync",
        ),
        trigger("/tempo/reset", "Restarts the count at bar one, beat one.", words="sync downbeat restart resync"),
        switch(
            "/tempo/midi",
            True,
            "Follows MIDI clock (24 per beat, start, continue, stop) while it arrives; taps are ignored then.",
            words="clock sync external ableton",
            **_PLAYED,
        ),
    ),
)
