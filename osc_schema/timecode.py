"""Timecode: LTC from a channel of the sound, or MTC; it starts cues and leads the beat."""

from typing import Any

from osc_schema.declare import menu, message, number, switch, text, whole
from osc_schema.types import Area

# Settings of a show's wiring: presets, cues and panic do not change them.
_WIRING: dict[str, Any] = {"stored": False, "is_look": False}

AREA = Area(
    title="Timecode",
    description="Follows the timecode of a show: LTC (24, 25, 29.97 drop, 30 frames/s, at 0.6 to "
    "2 times the speed, "
    "also backward), MTC from a MIDI port or bridge, or ArtTimeCode of a lighting desk. A cue "
    "with a timecode "
    "(`/cue/timecode`) starts when it is reached; `/tempo/source timecode` lets it lead the beat. "
    "`/engine/status` "
    "shows the state: none, locked, flywheel (the signal is missing, the time runs on) or lost.",
    messages=(
        message(
            "/timecode/state", "state:s", "Whenever it changes: none, locked, flywheel or lost."
        ),
        message(
            "/timecode/now",
            "timecode:s seconds:f",
            "The timecode, hh:mm:ss:ff, counted from the offset, while `/timecode/now/rate_hz` is "
            "above 0; drop frame "
            "is written `hh:mm:ss;ff`.",
        ),
    ),
    params=(
        menu(
            "/timecode/source",
            "off ltc mtc artnet",
            "ltc: sound on the channel /timecode/ltc_channel; mtc: MIDI timecode, of a port "
            "(--midi) or "
            "through an OSC bridge; artnet: ArtTimeCode of a lighting desk (--dmx artnet).",
            tags="smpte sync clock midi time code chase",
            **_WIRING,
        ),
        whole(
            "/timecode/ltc_channel",
            2,
            1,
            64,
            "Source channel with LTC. While the source is ltc, it is neither drawn, analysed nor "
            "recorded: of two "
            "channels the other takes its place, of more it is silent.",
            tags="smpte input audio line",
            **_WIRING,
        ),
        text(
            "/timecode/offset",
            "",
            "Timecode that counts as zero, hh:mm:ss:ff or seconds (to correct a delay, -0.04 for "
            "example). It is "
            "subtracted before anything else: cues, `/timecode/now` and the beat count from it.",
            most=32,
            tags="smpte start zero delay latency",
            **_WIRING,
        ),
        number(
            "/timecode/flywheel_s",
            1,
            0,
            30,
            "How long the time runs on without a signal; after that it is lost, and stands.",
            "s",
            smoothing_ms=0,
            tags="freewheel dropout timeout missing",
            **_WIRING,
        ),
        switch(
            "/timecode/chase",
            True,
            "Cues with a timecode start when it is reached. Switched on, it recalls the cue of "
            "the current position.",
            tags="smpte cue follow fire",
            **_WIRING,
        ),
        number(
            "/timecode/now/rate_hz",
            0,
            0,
            10,
            "How often `/timecode/now` is sent to subscribers while there is a timecode; 0: never.",
            "Hz",
            smoothing_ms=0,
            resumed=False,
            tags="send output display clock",
            **_WIRING,
        ),
        switch(
            "/timecode/midi_out",
            False,
            "Sends the timecode as MTC to the ports of --midi, counted from the offset.",
            tags="mtc smpte send output quarter frame",
            **_WIRING,
        ),
    ),
)
