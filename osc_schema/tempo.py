"""Tempo and beat: from the sound, MIDI clock, Link or timecode, tapped or set."""

from typing import Any

from osc_schema.declare import menu, message, number, switch, trigger, whole
from osc_schema.types import Area

# The tempo belongs to the band: presets and panic do not change it.
_PLAYED: dict[str, Any] = {"stored": False, "is_look": False}

AREA = Area(
    title="Tempo",
    description="Tempo and beat for synced LFOs and the modulation sources beat and bar. "
    "`/tempo/bpm` shows the tempo "
    "in use, wherever it comes from. `/tempo/source` names the clock; if it is lost, the beat "
    "runs on at its tempo.",
    messages=(
        message(
            "/beat/section",
            "section:s",
            "The section of the song as it is heard, whenever it changes. drop: kicks, and the "
            "low band near its "
            "loudest; build: no drop, and the highs rise; break: no drop, after one; quiet: far "
            "below the loudest, or "
            "before the first drop.",
        ),
    ),
    params=(
        menu(
            "/tempo/source",
            "manual midi beat link timecode",
            "Clock of the beat. beat: the beat of the sound, as the engine detects it; midi: MIDI "
            "clock (24 per beat, "
            "start, continue, stop); link: Ableton Link; timecode: LTC or MTC at the tempo of "
            "/tempo/bpm; manual: taps "
            "and /tempo/bpm only.",
            default="beat",
            tags="sync clock bpm tracker detection ableton follow external",
            **_PLAYED,
        ),
        number(
            "/tempo/bpm",
            120,
            20,
            300,
            "Tempo: set, tapped, or from the clock of /tempo/source. A value outside the range is "
            "refused: clipped, it "
            "would be no half or double of the song's.",
            "beats/min",
            smoothing_ms=0,
            out_of_range="reject",
            tags="speed rate beat clock",
            **_PLAYED,
        ),
        trigger(
            "/tempo/tap",
            "Taps the tempo: from the second tap on, the mean of up to eight intervals sets it. A "
            "pause, or a tap far "
            "off the beat, starts over. While the beat of the sound is followed, two taps choose "
            "which pulse is the "
            "beat, two a bar apart where the bar begins, and three the octave (half, double).",
            tags="speed bpm beat sync",
        ),
        trigger(
            "/tempo/forget",
            "Forgets what taps and /tempo/bpm chose while the beat of the sound is followed: the "
            "beat as detected.",
            tags="listen anew tap undo octave half double",
        ),
        whole(
            "/tempo/beats_a_bar",
            4,
            2,
            7,
            "Beats of a bar: of launching, of the modulation source bar, of LFOs synced to bars, "
            "of the lamps, of MIDI "
            "clock out, and of Ableton Link, where every program with the same number agrees on "
            "the first.",
            tags="time signature metre meter quantum three four waltz 3/4 4/4 5/4 7/8",
            **_PLAYED,
        ),
        switch(
            "/tempo/start_stop_sync",
            False,
            "Ableton Link's start/stop sync: when the session starts to play, the beat count "
            "restarts there; "
            "when it stops, /tempo/state is stopped, and the beat runs on.",
            tags="link play playing transport start stop",
            **_PLAYED,
        ),
        menu(
            "/tempo/state",
            "free following stopped manual",
            "Shows how the beat runs, and cannot be set. following: with the clock of "
            "/tempo/source; free: that clock "
            "is silent or unsure, so at its last tempo; stopped: its transport is stopped (MIDI "
            "clock, and Ableton "
            "Link with start_stop_sync), but the beat runs on; manual: no clock is chosen.",
            tags="locked lost playing running sync",
            resumed=False,
            **_PLAYED,
        ),
        trigger(
            "/tempo/reset",
            "Makes this beat the first of bar one.",
            tags="sync downbeat restart resync",
        ),
        trigger(
            "/tempo/earlier",
            "Nudges the beat: from now on all beats come 10 ms earlier than their clock says, "
            "until another one is "
            "chosen.",
            tags="nudge phase offset push latency ahead",
        ),
        trigger(
            "/tempo/later",
            "Like earlier: 10 ms later.",
            tags="nudge phase offset pull latency behind delay",
        ),
        switch(
            "/tempo/midi_out",
            False,
            "Sends MIDI clock to the ports of --midi: 24 ticks a beat, start on the first beat of "
            "a bar, stop when "
            "switched off. The device whose clock leads the beat gets none.",
            tags="sync master send ticks",
            **_PLAYED,
        ),
    ),
)
