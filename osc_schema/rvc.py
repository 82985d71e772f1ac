"""Live voice conversion (RVC), in a child process: how the voice is changed, how soon it is heard, and where."""

from typing import Any

from osc_schema.declare import file, menu, number, switch, whole
from osc_schema.types import Area, Command, Param

CHILD = "rvc"
MAX_SPEAKERS = 256
"""Rows of a model's table of speakers; most models have learnt one or some."""
MULTIVERSE_CHANNELS = 4
SOURCE_CHANNELS = 64

# How the voice sounds: presets hold it; panic leaves it.
_ASKED: dict[str, Any] = {"is_look": False, "child": CHILD}
# How it is run on this machine: kept for --resume only.
_RUN: dict[str, Any] = {"stored": False, "is_look": False, "child": CHILD}
# What the command line decides at every start.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False, "child": CHILD}
# The cables of a venue, which the engine follows and no child is told.
_VENUE: dict[str, Any] = {"stored": False, "is_look": False}
# What is heard, which the engine mixes.
_HEARD: dict[str, Any] = {"is_look": False}


def _number(
    address: str, default: float, low: float, high: float, description: str, unit: str = "", words: str = ""
) -> Param:
    """A value that is taken once a block: it does not glide."""
    return number(address, default, low, high, description, unit, smoothing_ms=0, words=words, **_ASKED)


def _block(address: str, default: float, low: float, high: float, description: str) -> Param:
    return number(address, default, low, high, description, "ms", smoothing_ms=0, **_RUN)


AREA = Area(
    title="Voice",
    description="Makes another voice of a voice (RVC), in a process of its own. Needs a model: `multiverse run --rvc "
    "MODEL.pth`. The voice is a channel of the sound or a device of its own (`--rvc-input`); the converted one goes to "
    "a device (`--rvc-output`) and may be one of the Multiverse's channels. It is heard `delay` after it was spoken, "
    "always: where conversion comes too late, the voice itself or silence is heard instead, and the delay stays. "
    "`/engine/status` tells the delays, the share of the time that converting takes, and the blocks that were late.",
    words="ai rvc vocoder changer singing",
    params=(
        switch("/rvc/enable", False, "Converts the voice. Refused while no model is configured.", **_RUNNING),
        file(
            "/rvc/model",
            "Another model: a name in the configured model folders; an index of the same name beside it is used with "
            "it. The old one converts on until the new one is ready. Empty: the configured model and index.",
            words="singer speaker",
            **_RUNNING,
        ),
        whole("/rvc/speaker", 0, 0, MAX_SPEAKERS - 1, "Which of the model's speakers.", **_ASKED),
        _number(
            "/rvc/pitch",
            0,
            -24,
            24,
            "How much higher or lower: 12 from a low voice to a high one.",
            "semitones",
            words="transpose octave key tune",
        ),
        switch(
            "/rvc/autotune", False, "Draws the pitch to the nearest semitone.", words="pitch tune correct", **_ASKED
        ),
        _number("/rvc/formant", 0, -2, 2, "A smaller (up) or larger (down) throat at the same pitch.", "semitones"),
        _number(
            "/rvc/index_rate",
            0.3,
            0,
            1,
            "How much of what the model's own voice would say (from the index) replaces what was said: more of its "
            "accent, less clear words. Without an index it changes nothing.",
        ),
        whole(
            "/rvc/retrieval_power",
            2,
            1,
            2,
            "How the nearest entries of the index are weighed: by 1/distance to the 4th (2) or to the 2nd (1): at 1 "
            "more of them have a say.",
            **_ASKED,
        ),
        _number(
            "/rvc/protect",
            0.33,
            0,
            0.5,
            "Keeps breath and consonants from the index: their share of it; 0.5 is off.",
        ),
        _number("/rvc/rms_mix", 0, 0, 1, "Whose loudness: 0 that of the voice, 1 that of the model."),
        _number("/rvc/threshold", -60, -60, 0, "What is softer is silence: keeps the room out. -60 is off.", "dB"),
        _block(
            "/rvc/block_ms",
            250,
            20,
            1500,
            "How much is converted at once: less is sooner heard and more work.",
        ),
        _block("/rvc/crossfade_ms", 50, 10, 150, "How long blocks overlap; adds to the delay."),
        _block("/rvc/extra_ms", 2500, 50, 5000, "How much of what was said before is listened to: more is steadier."),
        menu(
            "/rvc/f0",
            "auto rmvpe fcpe yin",
            "How the pitch is found. rmvpe needs its checkpoint, fcpe `pip install torchfcpe`, yin nothing; auto: the "
            "first of them that is here. The one before works on until it is ready.",
            **_RUN,
        ),
        menu(
            "/rvc/fp16",
            "auto on off",
            "Half precision. auto: on with CUDA. The process before works on until the new one is ready.",
            **_RUN,
        ),
        menu(
            "/rvc/gpu_retrieval",
            "auto on off",
            "Searches the index on the device; off: on the CPU. auto: on. A change is a new process, as with fp16.",
            **_RUN,
        ),
        switch("/rvc/profiling", False, "Tells the milliseconds of each stage in /engine/status.", **_RUN),
        number(
            "/rvc/monitor",
            1,
            0,
            1,
            "What is heard: 0 the voice itself, 1 the converted one; both at the same moment.",
            words="mix dry wet",
            **_HEARD,
        ),
        number(
            "/rvc/gain_db",
            0,
            -60,
            12,
            "Of what is heard; -60 is silence.",
            "dB",
            words="volume level loudness",
            **_HEARD,
        ),
        menu(
            "/rvc/fallback",
            "dry silence",
            "What is heard where the conversion is late or its process away: the voice itself, or nothing.",
            words="dry bypass",
            **_HEARD,
        ),
        whole(
            "/rvc/channel",
            0,
            0,
            MULTIVERSE_CHANNELS,
            "Which of the Multiverse's channels hears what is heard, in place of its own sound; 0: none.",
            **_VENUE,
        ),
        whole(
            "/rvc/input_channel",
            1,
            1,
            SOURCE_CHANNELS,
            "Which channel of its source is the voice.",
            words="mic microphone",
            **_VENUE,
        ),
        number(
            "/rvc/delay_ms",
            0,
            0,
            5000,
            "From spoken to heard, devices included, to keep step with a picture. 0, and what cannot be kept: as soon "
            "as can be.",
            "ms",
            smoothing_ms=0,
            words="latency lag lipsync",
            **_VENUE,
        ),
    ),
    commands=(
        Command(
            address="/rvc/empty_cache",
            description="Gives memory that is kept for later back to the GPU.",
            replies=("/done /rvc/empty_cache <what>", "/fail /rvc/empty_cache <reason>"),
        ),
    ),
)
