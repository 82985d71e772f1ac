"""Live voice conversion (RVC) in a child process: the voice, its delay, and its inputs and
outputs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from osc_schema.declare import file, menu, model_list, number, of_child, switch, whole
from osc_schema.types import Area, Command, Param

CHILD = "rvc"
MAX_SPEAKERS = 256
"""Rows of a model's speaker table; most models have learnt one or a few."""
MULTIVERSE_CHANNELS = 4
SOURCE_CHANNELS = 64

_PRESET, _RUN, _RUNNING = of_child(CHILD)
# Wiring of the venue: used by the engine, not sent to the child.
_VENUE: dict[str, Any] = {"stored": False, "is_look": False}
# Mix of the output: done by the engine.
_MIX: dict[str, Any] = {"is_look": False}
# read once per block: it does not glide
_number: Callable[..., Param] = partial(number, smoothing_ms=0, **_PRESET)


def _block(address: str, default: float, low: float, high: float, description: str) -> Param:
    return number(address, default, low, high, description, "ms", smoothing_ms=0, **_RUN)


AREA = Area(
    title="Voice",
    description="Converts a voice to another voice (RVC), in a child process. Needs a model: "
    "`multiverse run --rvc "
    "MODEL.pth`. The input is a channel of the sound source or a device of its own "
    "(`--rvc-input`); the output goes to "
    "a device (`--rvc-output`) and can replace one of the Multiverse's channels. The delay from "
    "input to output is "
    "constant: if a converted block is late, the dry voice or silence is heard instead. "
    "`/engine/status` shows the "
    "delays, the load of the conversion and the number of late blocks.",
    tags="ai rvc vocoder changer singing",
    order=30,
    params=(
        switch(
            "/rvc/enable",
            False,
            "Switches voice conversion on. Refused without a configured model.",
            **_RUNNING,
        ),
        file(
            "/rvc/model",
            "Model to use: a name in the configured model folders; an index of the same name "
            "beside it is used too. "
            "The old model keeps running until the new one is ready. Empty: the configured model "
            "and index.",
            tags="singer speaker",
            **_RUNNING,
        ),
        whole("/rvc/speaker", 0, 0, MAX_SPEAKERS - 1, "Speaker of the model.", **_PRESET),
        _number(
            "/rvc/pitch",
            0,
            -24,
            24,
            "Transposes the voice; 12 turns a low voice into a high one.",
            "semitones",
            tags="transpose octave key tune",
        ),
        switch(
            "/rvc/pitch_auto",
            False,
            "Transposes the speaker's median pitch of the last 5 s of voice to "
            "/rvc/pitch_target_hz, gliding for 2 s; "
            "/rvc/pitch is added. For speech: in a song it changes the key.",
            tags="transpose octave gender",
            **_PRESET,
        ),
        _number(
            "/rvc/pitch_target_hz",
            155,
            60,
            600,
            "Median pitch to which /rvc/pitch_auto brings the speaker: that of the model's own "
            "voice, which its file "
            "does not say. About 120 for a low voice, 210 for a high one, 300 for a child.",
            "Hz",
            scale="exponential",
            tags="transpose median",
        ),
        switch(
            "/rvc/autotune",
            False,
            "Pulls the pitch to the nearest semitone.",
            tags="pitch tune correct",
            **_PRESET,
        ),
        _number(
            "/rvc/formant",
            0,
            -2,
            2,
            "Formant shift at the same pitch; up sounds like a smaller person.",
            "semitones",
        ),
        _number(
            "/rvc/index_rate",
            0.3,
            0,
            1,
            "Amount of the index: higher sounds more like the model's own voice and accent, with "
            "less clear words. No "
            "effect without an index.",
        ),
        whole(
            "/rvc/retrieval_power",
            2,
            1,
            2,
            "Weight of the nearest index entries: 2: 1/distance^4; 1: 1/distance^2, which mixes "
            "more of them.",
            **_PRESET,
        ),
        _number(
            "/rvc/protect",
            0.33,
            0,
            0.5,
            "Protects breath and consonants from the index: lower protects more; 0.5 is off.",
        ),
        _number(
            "/rvc/rms_mix",
            0,
            0,
            1,
            "Loudness envelope. 0: of the input voice; 1: of the model's output.",
        ),
        _number(
            "/rvc/threshold",
            -60,
            -60,
            0,
            "Noise gate: input below this level is silence. -60 is off.",
            "dB",
        ),
        _block(
            "/rvc/block_ms",
            250,
            20,
            1500,
            "Length of a block: shorter has less delay and needs more computing.",
        ),
        _block("/rvc/crossfade_ms", 50, 10, 150, "Overlap of blocks; adds to the delay."),
        _block(
            "/rvc/extra_ms",
            2500,
            50,
            5000,
            "Sound before each block, as context for the model: longer is steadier and slower.",
        ),
        menu(
            "/rvc/f0",
            "auto rmvpe fcpe yin",
            "Pitch detector. rmvpe needs its checkpoint, fcpe the package torchfcpe, yin nothing; "
            "auto: the first "
            "one available. The old one keeps running until the new one is ready.",
            **_RUN,
        ),
        menu(
            "/rvc/fp16",
            "auto on off",
            "Half precision. auto: on with CUDA. The old process keeps running until the new one "
            "is ready.",
            **_RUN,
        ),
        menu(
            "/rvc/gpu_retrieval",
            "auto on off",
            "Searches the index on the GPU; off: on the CPU. auto: on. The old process keeps "
            "running until the new one "
            "is ready.",
            **_RUN,
        ),
        switch(
            "/rvc/profiling",
            False,
            "Shows the milliseconds of each stage in /engine/status.",
            **_RUN,
        ),
        number(
            "/rvc/monitor",
            1,
            0,
            1,
            "Mix of the output. 0: dry voice; 1: converted voice. Both are in sync.",
            tags="mix dry wet",
            **_MIX,
        ),
        number(
            "/rvc/gain_db",
            0,
            -60,
            12,
            "Output gain; -60 is silence.",
            "dB",
            tags="volume level loudness",
            **_MIX,
        ),
        menu(
            "/rvc/fallback",
            "dry silence",
            "Output while the conversion is late or its process is down: the dry voice, or "
            "silence.",
            tags="dry bypass",
            **_MIX,
        ),
        whole(
            "/rvc/channel",
            0,
            0,
            MULTIVERSE_CHANNELS,
            "Audio channel of the Multiverse that the output replaces; 0: none.",
            **_VENUE,
        ),
        whole(
            "/rvc/input_channel",
            1,
            1,
            SOURCE_CHANNELS,
            "Channel of the input source that has the voice.",
            tags="mic microphone",
            **_VENUE,
        ),
        number(
            "/rvc/delay_ms",
            0,
            0,
            5000,
            "Delay from input to output, devices included, to match a picture. 0, or shorter than "
            "possible: the "
            "shortest possible.",
            "ms",
            smoothing_ms=0,
            tags="latency lag lipsync",
            **_VENUE,
        ),
    ),
    commands=(
        model_list(CHILD),
        Command(
            address="/rvc/empty_cache",
            description="Returns cached GPU memory of the voice to the system.",
            replies=("/done /rvc/empty_cache <what>", "/fail /rvc/empty_cache <reason>"),
        ),
    ),
)
