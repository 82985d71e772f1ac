"""Size, frame rate and status of the engine, and the general commands for OSC clients."""

from typing import Any

from osc_schema.declare import BUTTON, arguments, message, number, whole
from osc_schema.types import Area, Command

# Never saved: set by the command line, then by OSC.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

SUBSCRIPTIONS = ("all", "values", "features")
"""Parts that a subscriber may ask for."""

MIN_SIDE_PX = 64
MAX_SIDE_PX = 8192
_SIDE_PX = f"[{MIN_SIDE_PX}..{MAX_SIDE_PX}]"
MAX_SMOOTHING_MS = 60_000

AREA = Area(
    title="Engine",
    description="Size and frame rate, and the commands for programs that talk to the engine.",
    fully_named=("engine",),
    params=(
        whole(
            "/engine/width",
            1280,
            MIN_SIDE_PX,
            MAX_SIDE_PX,
            "Width of the picture; can change while running.",
            "px",
            tags="size resolution pixels hd 4k 720p 1080p",
            is_confirmed=True,
            **_RUNNING,
        ),
        whole(
            "/engine/height",
            720,
            MIN_SIDE_PX,
            MAX_SIDE_PX,
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
            arguments=arguments("id:i|s?"),
            description="Answers when everything sent before it has taken effect and a frame has "
            "been drawn with it.",
            replies=("/synced <id>", "/fail /sync <reason>"),
        ),
        Command(
            address="/engine/notify",
            arguments=arguments(
                f"on:switch port:i[1..65535]? part:s[{'|'.join(SUBSCRIPTIONS)}]={SUBSCRIPTIONS[0]}"
            ),
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
            arguments=arguments(f"width:i{_SIDE_PX} height:i{_SIDE_PX}"),
            description="Sets width and height in the same frame.",
            replies=("/done /engine/size <width> <height>", "/fail /engine/size <reason>"),
        ),
        Command(
            address="/engine/quit",
            arguments=arguments(BUTTON),
            description="Quits the engine; files being written are finished.",
            replies=("/done /engine/quit",),
        ),
        Command(
            address="/smooth",
            arguments=arguments(f"address:s ms:f[0..{MAX_SMOOTHING_MS}]"),
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
