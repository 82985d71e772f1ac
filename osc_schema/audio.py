"""Audio input: how source channels map to the four audio channels, and the features sent to
subscribers."""

from typing import Any

from osc_schema import plugins
from osc_schema.declare import BUTTON, arguments, menu, message, number, switch, whole
from osc_schema.types import Area, Command, Param

CHANNELS = (1, 2, 3, 4)
# Settings of a venue and its wiring: a preset made elsewhere must not change them.
_VENUE: dict[str, Any] = {"stored": False, "is_look": False}

LAYOUTS = ("auto", "direct", "stereo", "mono", "stems")
SEPARATORS = {
    name: point.value for name, point in plugins.declared("multiverse.separators").items()
}
"""Path of the class of each plug-in that splits sound into stems, by the name of its layout."""
for _name in SEPARATORS.keys() & set(LAYOUTS):
    plugins.leave_out(
        plugins.declared("multiverse.separators")[_name], "the engine has a layout of this name"
    )
    del SEPARATORS[_name]

_LEVELS = {
    "rms": "root mean square",
    "peak": "peak",
    "low": "low band",
    "mid": "middle band",
    "high": "high band",
}
_TRANSPORT = {
    "play": "Plays on; after the end of the list, the last file again.",
    "pause": "Pauses: silence, until `/audio/file/play`.",
    "next": "Plays the next file of the list.",
    "previous": "Plays the file from its beginning; within its first 3 s the file before.",
}
_FEATURES = {
    **{
        name: f"Level of the channel, {what}; linear, 1 is full scale."
        for name, what in _LEVELS.items()
    },
    "pitch": "Pitch of the channel in Hz.",
    "onset": "1 in the first message after an onset in the channel, else 0.",
}


def _channel(n: int) -> tuple[Param, ...]:
    at = f"/audio/{n}"
    return (
        number(
            f"{at}/gain_db",
            0,
            -60,
            24,
            f"Gain of channel {n}.",
            "dB",
            tags="mic microphone input volume level sensitivity",
            **_VENUE,
        ),
        switch(
            f"{at}/auto",
            True,
            f"Automatic gain of channel {n}: slowly brings peaks to -12 dBFS, by up to +24 dB; "
            "stays unchanged below "
            "-55 dBFS.",
            tags="agc automatic mic microphone input volume level normalise normalize",
            **_VENUE,
        ),
        menu(
            f"{at}/trigger",
            "off rising",
            f"rising: starts wave {n} at a rising zero crossing, so that a steady tone does not "
            "move.",
            is_look=False,
            tags="sync stable scope hold still",
        ),
        number(
            f"{at}/decay_ms",
            1000,
            10,
            10_000,
            f"Release time of the envelope follower of channel {n}.",
            "ms",
            scale="exponential",
            smoothing_ms=0,
            is_look=False,
            tags="smooth smoothing slew lag release follower speed",
        ),
        whole(
            f"{at}/channel",
            n,
            1,
            64,
            f"Source channel for channel {n} when the layout is direct.",
            tags="input mic microphone route patch",
            **_VENUE,
        ),
    )


def _chosen(kind: str, opens: str, lists: str, argument: str = "word:s") -> tuple[Command, Command]:
    at = f"/audio/{kind}"
    name = argument.partition(":")[0]
    return (
        Command(
            address=f"{at}/open",
            arguments=arguments(argument),
            description=opens,
            replies=(
                f"{at}/current <{name}>, to every subscriber",
                f"/done {at}/open <{name}>",
                f"/fail {at}/open <reason>",
            ),
        ),
        Command(
            address=f"{at}/list",
            description=lists,
            replies=(
                f"{at}/entry <{name}> <title> <on>, one message per entry",
                f"/done {at}/list",
                f"/fail {at}/list <reason>",
            ),
        ),
    )


def _transport(name: str, what: str) -> Command:
    at = f"/audio/file/{name}"
    return Command(
        address=at,
        arguments=arguments(BUTTON),
        description=what,
        replies=(f"/done {at}", f"/fail {at} <reason>"),
    )


_BEATS = {
    **{name: f"Position in the {name}, 0..1." for name in ("beat", "bar")},
    **{
        name: f"1 in the first message after a hit of the {name}, else 0."
        for name in ("kick", "snare", "hat")
    },
}
_MESSAGES = (
    *(
        message(f"/audio/<n>/{name}", f"{name}:f", what, CHANNELS[-1])
        for name, what in _FEATURES.items()
    ),
    *(message(f"/audio/{name}", f"{name}:f", what) for name, what in _BEATS.items()),
    message(
        "/audio/file/playing",
        "number:i tracks:i name:s state:s",
        "The file of a list of sound files, with each change; the state is `playing`, `paused` or "
        "`ended`.",
    ),
    message(
        "/audio/file/position",
        "position_s:f length_s:f",
        "Twice per second; 0 while the length is unknown.",
    ),
    *(
        message(f"/audio/{kind}/current", "entry:s", f"What `/audio/{kind}/open` has opened.")
        for kind in ("input", "file", "track", "monitor")
    ),
    *(
        message(f"/audio/{kind}/changed", "", f"The list of `/audio/{kind}/list` has changed.")
        for kind in ("input", "monitor")
    ),
)

AREA = Area(
    title="Audio",
    description="How source channels map to audio channels 1 to 4. While "
    "`/audio/features/rate_hz` is above 0, "
    "subscribers get the features of each channel and the beat (`/audio/1/rms`, `/audio/beat`).",
    params=(
        menu(
            "/audio/layout",
            " ".join((*LAYOUTS, *SEPARATORS)),
            "direct: source channels as set by /audio/<1-4>/channel; stereo: left, right, low "
            "band, high band; stems: "
            "drums, bass, voice, rest; mono: four bands; auto: direct for four channels, stems "
            "for stereo music.",
            tags="input mic microphone stereo channels route split separate stems instruments",
            **_VENUE,
        ),
        *(param for n in CHANNELS for param in _channel(n)),
        number(
            "/audio/features/rate_hz",
            0,
            0,
            120,
            "How often the features of the four channels are sent to subscribers; 0: never.",
            "Hz",
            smoothing_ms=0,
            resumed=False,
            tags="analysis send output speed",
            **_VENUE,
        ),
        menu(
            "/audio/file/loop",
            "all one off",
            "What follows the last file of a list. all: the first; one: the same file again, at "
            "its end; off: silence.",
            tags="repeat playlist song track",
            **_VENUE,
        ),
        number(
            "/audio/monitor/offset_ms",
            0,
            -200,
            500,
            "Holds the sound of the monitor back, for a projector or a display that shows the "
            "picture late; below 0: "
            "earlier than the picture leaves.",
            "ms",
            smoothing_ms=0,
            tags="sync delay latency lip headphones speaker output",
            **_VENUE,
        ),
    ),
    commands=(
        *_chosen(
            "input",
            "Captures another device, or plays `demo`, the built-in loop, or `files`, the last "
            "list of sound files "
            "from its beginning. A device is named as in the list; a part of the name or its "
            "index is enough. The "
            "former sound plays until the new one is open, and on if that fails.",
            "Lists all sounds that `/audio/input/open` accepts now.",
        ),
        *_chosen(
            "file",
            "Plays a sound file, a folder with its subfolders, or an .m3u playlist in place of "
            "the input: a name below "
            "the music folders (`--music FOLDER`, else the user's music folder and that of "
            "`--audio FILE`).",
            "Lists the sound files, playlists and folders in the music folders.",
        ),
        *_chosen(
            "track",
            "Plays this file of the list, by its number from 1.",
            "Lists the files of the list that plays.",
            "number:i",
        ),
        *(_transport(name, what) for name, what in _TRANSPORT.items()),
        Command(
            address="/audio/file/seek",
            arguments=arguments("position_s:f[0..]"),
            description="Goes to this second of the file.",
            replies=("/done /audio/file/seek", "/fail /audio/file/seek <reason>"),
        ),
        *_chosen(
            "monitor",
            "Plays files and the demo loop on this sound output, in step with the picture: "
            "`none`, `default`, or a "
            "device as in the list. A captured input is not played.",
            "Lists the sound outputs that `/audio/monitor/open` accepts now.",
        ),
        Command(
            address="/audio/devices",
            description="Looks for sound devices that were plugged in since the start, for both "
            "lists. If there are "
            "any, all sound pauses for a fraction of a second. A device opened by its name is "
            "looked for anyway.",
            replies=(
                "/audio/input/changed and /audio/monitor/changed, to every subscriber",
                "/done /audio/devices <1 if there are new ones>",
                "/fail /audio/devices <reason>",
            ),
        ),
    ),
    messages=_MESSAGES,
)
