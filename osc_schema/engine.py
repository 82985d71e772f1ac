"""The engine itself: size, rate, status, and the commands that every OSC client can rely on."""

from typing import Any

from osc_schema.declare import arguments, number, whole
from osc_schema.types import Area, Command

# Not kept anywhere: the command line decides, then OSC.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

AREA = Area(
    title="Engine",
    description="The engine itself, and how a program talks with it.",
    fully_named=("engine",),
    params=(
        whole(
            "/engine/width",
            1280,
            64,
            8192,
            "Width of the picture; changes while running.",
            "px",
            words="size resolution pixels hd 4k 720p 1080p",
            is_confirmed=True,
            **_RUNNING,
        ),
        whole(
            "/engine/height",
            720,
            64,
            8192,
            "Height of the picture; changes while running.",
            "px",
            words="size resolution pixels hd 4k 720p 1080p",
            is_confirmed=True,
            **_RUNNING,
        ),
        number(
            "/engine/fps",
            60,
            1,
            240,
            "Frame rate; changes while running. Without a GPU the engine starts at 30.",
            "frames/s",
            smoothing_ms=0,
            words="speed framerate frames rate",
            is_confirmed=True,
            **_RUNNING,
        ),
    ),
    commands=(
        Command(
            address="/get",
            arguments=arguments("address:s"),
            description="Asks for a value; the address may be a pattern.",
            replies=("<address> <value>, one message a parameter", "/fail /get <reason>"),
        ),
        Command(
            address="/sync",
            arguments=arguments("id:i?"),
            description="Answers when everything sent before it is in force and a frame was drawn with it.",
            replies=("/synced <id>", "/fail /sync <reason>"),
        ),
        Command(
            address="/engine/notify",
            arguments=arguments("on:i port:i?"),
            description="1 subscribes the sender's host, at its source port or the port given; 0 ends that. "
            "A subscriber gets all values, then changes at most 60 times a second and a heartbeat a second.",
            replies=(
                "<address> <value>, now and at each change",
                "/engine/heartbeat <count>, once a second",
                "/engine/warning <line>, when the engine has something to say",
                "/done /engine/notify",
                "/fail /engine/notify <reason>",
            ),
        ),
        Command(
            address="/engine/status",
            description="Asks how the engine is: rate, frame times, late frames, flash guard, audio, sinks, warnings.",
            replies=("/engine/status/<what> <values>, one message a line", "/done /engine/status"),
        ),
        Command(
            address="/engine/size",
            arguments=arguments("width:i height:i"),
            description="Sets width and height in one frame.",
            replies=("/done /engine/size <width> <height>", "/fail /engine/size <reason>"),
        ),
        Command(
            address="/engine/quit",
            description="Ends the engine; files being written are finished.",
            replies=("/done /engine/quit",),
        ),
        Command(
            address="/smooth",
            arguments=arguments("address:s ms:f"),
            description="Sets how long a parameter glides towards a new value, while the engine runs: "
            "63 % of the way after this time. 0: at once.",
            replies=("/done /smooth <address> <ms>", "/fail /smooth <reason>"),
        ),
    ),
)
