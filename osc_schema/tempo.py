"""The tempo that LFOs are locked to: set, tapped, or told by MIDI clock."""

from typing import Any

from osc_schema.declare import number, switch, trigger
from osc_schema.types import Area

# The tempo is the band's: neither a preset nor panic changes it.
_PLAYED: dict[str, Any] = {"stored": False, "is_look": False}

AREA = Area(
    title="Tempo",
    description="Beats that LFOs can be locked to. Tapped, or told by MIDI clock, the tempo shows in `/tempo/bpm`.",
    params=(
        number(
            "/tempo/bpm",
            120,
            20,
            300,
            "Tempo of the beats, set, tapped or told.",
            "beats/min",
            smoothing_ms=0,
            words="speed rate beat clock",
            **_PLAYED,
        ),
        trigger(
            "/tempo/tap",
            "A beat, now. From the second tap on the last eight make the tempo; a pause, or a tap far from the "
            "others, begins anew.",
            words="speed bpm beat sync",
        ),
        trigger("/tempo/reset", "Bar one, beat one, now.", words="sync downbeat restart resync"),
        switch(
            "/tempo/midi",
            True,
            "Follows MIDI clock (24 a beat, start, continue, stop) while one comes in; taps do nothing then.",
            words="clock sync external ableton",
            **_PLAYED,
        ),
    ),
)
