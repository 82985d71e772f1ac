"""Size, frame rate and status of the engine, and the general commands for OSC clients."""

from typing import Any

from osc_schema.declare import arguments, message, number, whole
from osc_schema.types import Area, Command

# Never saved: set by the command line, then by OSC.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

SUBSCRIPTIONS = ("all", "values", "features")
"""Parts that a subscriber may ask for."""

AREA = Area(
    title="Engine",
    description="Size and frame rate, and the commands for programs that talk to the engine.",
    fully_named=("engine",),
    params=(
        whole(
            "/engine/width",
            1280,
            64,
            8192,
            "Width of the picture; can change while running.",
            "px",
            tags="size resolution pixels hd 4k 720p 1080p",
            is_confirmed=True,
            **_RUNNING,
        ),
        whole(
            "/engine/height",
            720,
            64,
            8192,
            "Height of the picture; can change while running.",
            "px",
            tags="size resolution pixels hd 4k 720p 1080p",
            is_confirmed=True,
            **_RUNNING,
        ),
        number(
            "/engine/fps",
            60,
            1,
            240,
            "Frame rate; can change while running. Without a GPU it starts at 30.",
            "frames/s",
            smoothing_ms=0,
            tags="speed framerate frames rate",
            is_confirmed=True,
            **_RUNNING,
        ),
    ),
    commands=(
        Command(
            address="/get",
            arguments=arguments("address:s"),
            description="Returns a value; the address may be a pattern.",
            replies=("<address> <value>, one message per parameter", "/fail /get <reason>"),
        ),
        Command(
            address="/sync",
            arguments=arguments("id:i?"),
            description="Answers when everything sent before it has taken effect and a frame has "
            "been drawn with it.",
            replies=("/synced <id>", "/fail /sync <reason>"),
        ),
        Command(
            address="/engine/notify",
            arguments=arguments("on:i port:i? part:s?"),
            description="1: subscribes the sender's host, at its source port or the given port; "
            "0: unsubscribes. "
            "A subscriber gets all values, then changes up to 60 times per second, a heartbeat "
            "every second, and the "
            f"audio features. Part is one of {', '.join(SUBSCRIPTIONS)}.",
            replies=(
                "<address> <value>, now and on each change",
                "/engine/heartbeat <count>, once per second",
                "/engine/warning <line>, on each warning",
                "/done /engine/notify",
                "/fail /engine/notify <reason>",
            ),
        ),
        Command(
            address="/engine/status",
            description="Reports rate, frame times, late frames, flash guard, audio, sinks and "
            "warnings.",
            replies=(
                "/engine/status/<name> <values>, one message per line",
                "/done /engine/status",
            ),
        ),
        Command(
            address="/engine/size",
            arguments=arguments("width:i height:i"),
            description="Sets width and height in the same frame.",
            replies=("/done /engine/size <width> <height>", "/fail /engine/size <reason>"),
        ),
        Command(
            address="/engine/quit",
            description="Quits the engine; files being written are finished.",
            replies=("/done /engine/quit",),
        ),
        Command(
            address="/smooth",
            arguments=arguments("address:s ms:f"),
            description="Sets the glide time of a parameter until the engine ends: 63 % of the "
            "way to a new value "
            "after this time. 0: at once.",
            replies=("/done /smooth <address> <ms>", "/fail /smooth <reason>"),
        ),
    ),
    messages=(
        message("/engine/heartbeat", "count:i", "Once per second."),
        message("/engine/warning", "line:s", "Each warning, in one line."),
    ),
)
