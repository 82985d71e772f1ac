"""Modulation routes from the sound, the beat or an LFO to a parameter, and the LFOs."""

from osc_schema.declare import arguments, circle, menu, number, switch, text, whole
from osc_schema.types import Area, Command, Param

ROUTES = tuple(range(1, 13))  # built-in looks use up to eight: the rest is free for the performer
_ANY_ROUTE = f"[{ROUTES[0]}..{ROUTES[-1]}]"
LFOS = (1, 2, 3, 4)
MAX_ADDRESS_CHARACTERS = 128
SYNCS = {
    "free": 0.0,
    "sixteenth": 0.25,
    "triplet": 1 / 3,
    "eighth": 0.5,
    "beat": 1.0,
    "half": 2.0,
}
"""Length of one LFO cycle in beats; free: /lfo/<n>/rate_hz is used instead."""
BAR_SYNCS = {"bar": 1, "two_bars": 2, "four_bars": 4, "eight_bars": 8}
"""Length of one LFO cycle in bars, of /tempo/beats_a_bar beats each."""


def _route(n: int) -> tuple[Param, ...]:
    at = f"/mod/{n}"
    return (
        menu(
            f"{at}/source",
            "off rms peak envelope low mid high onset pitch beat bar kick snare hat "
            + " ".join(f"lfo{n}" for n in LFOS),
            "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 "
            "dBFS, linear in "
            "decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each "
            "onset, then falls; beat, "
            "bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at "
            "each drum hit.",
            tags="audio reactive sound bass kick beat drum strobe matrix route",
        ),
        whole(
            f"{at}/channel",
            0,
            0,
            4,
            "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, "
            "bar, kick, snare, hat.",
        ),
        switch(
            f"{at}/mute",
            False,
            "The route moves nothing, and keeps its values.",
            tags="off bypass pause",
        ),
        text(
            f"{at}/target",
            "",
            "Address of the parameter to move: a float that presets hold, except /audio, /mod and "
            "/lfo; empty: none. "
            "The route is added on top of the parameter's own value, which does not change.",
            most=MAX_ADDRESS_CHARACTERS,
            tags="destination assign route matrix",
        ),
        number(
            f"{at}/amount",
            0.5,
            -1,
            1,
            "How far the target moves at level 1, as a fraction of its range, on its own scale; "
            "routes to the same "
            "target add up.",
            tags="depth intensity strength",
        ),
        number(
            f"{at}/offset",
            0,
            -1,
            1,
            "Added to the level; at -0.5 the target swings to both sides of its value.",
        ),
        number(
            f"{at}/curve",
            0,
            -1,
            1,
            "Bends the response to the level. 1: mostly high levels move the target (fourth "
            "power); -1: low levels "
            "already do (fourth root).",
        ),
        number(
            f"{at}/release_ms",
            150,
            1,
            10_000,
            "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.",
            "ms",
            scale="exponential",
            smoothing_ms=0,
            tags="smooth smoothing slew glide lag decay follower damping",
        ),
    )


def _lfo(n: int) -> tuple[Param, ...]:
    at = f"/lfo/{n}"
    return (
        menu(
            f"{at}/shape",
            "sine triangle saw square random",
            "Waveform of one cycle, 0..1. sine, triangle: up from 0 and down again; saw: up from "
            "0 to 1; square: 1 for "
            "half the cycle, then 0; random: a new value each cycle.",
            tags="strobe flash square oscillator waveform",
        ),
        number(
            f"{at}/rate_hz",
            0.5,
            0.01,
            20,
            "Cycles per second while `tempo_sync` is free.",
            "Hz",
            scale="exponential",
            tags="strobe flash speed frequency tempo oscillator",
        ),
        menu(
            f"{at}/tempo_sync",
            " ".join((*SYNCS, *BAR_SYNCS)),
            "Length of one cycle at the tempo of /tempo/bpm, in bars of /tempo/beats_a_bar; free: "
            "uses `rate_hz`.",
            tags="speed tempo beat bpm division clock oscillator",
        ),
        circle(f"{at}/phase", 0, 0, 1, "Phase offset of the cycle.", "cycles"),
    )


AREA = Area(
    title="Modulation",
    description="Twelve routes, each from sound, beat or LFO to a parameter. The engine uses the "
    "parameter's value "
    "plus its routes, clipped or wrapped to the range; feedback, `/get` and presets have the "
    "value without the routes.",
    tags="lfo modulate animate automation",
    params=(
        *(param for n in ROUTES for param in _route(n)),
        *(param for n in LFOS for param in _lfo(n)),
    ),
    commands=(
        Command(
            address="/mod/copy",
            arguments=arguments(f"from:i{_ANY_ROUTE} to:i{_ANY_ROUTE}?"),
            description="Copies a route to another, or to the first free one: without source and "
            "target.",
            replies=("/done /mod/copy <from> <to>", "/fail /mod/copy <reason>"),
        ),
    ),
)
