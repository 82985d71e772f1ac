"""Commands that switch the camera source of layer 5 while the engine runs; `--camera` sets the
first one."""

from osc_schema.declare import arguments, message, whole
from osc_schema.types import Command

PARAMS = (
    whole(
        "/camera/loop",
        0,
        0,
        16,
        "Repeats the last beats of the camera, from the next beat on and on the beat; 0: live. "
        "Fewer are repeated "
        "where 256 MB do not hold so many: at 1080p and 30 pictures a second, 5.7 s.",
        "beats",
        tags="loop repeat sampler delay freeze camera video bar",
        stored=False,
        is_look=False,
        resumed=False,
    ),
)

MESSAGES = (
    message("/camera/current", "word:s", "The source of layer 5 was switched."),
    message("/camera/changed", "count:i", "The list of `/camera/list` has changed."),
)
COMMANDS = (
    Command(
        address="/camera/open",
        arguments=arguments("word:s"),
        description="Switches layer 5 to another source: `none`, `test`, a camera's index or name, "
        "`spout:NAME`, `syphon:NAME`, `shared:NAME`, `ndi:NAME` (part of the name is enough: "
        "`spout:Arena`), or "
        "`start`, the source the engine was started with, or a video or picture by its path below "
        "the video folders "
        "(`run --films`). Addresses can only be given at the start. The current source stays "
        "until the new one "
        "delivers its first picture; after 10 s without one the switch fails. "
        "Not stored in presets.",
        replies=(
            "/camera/current <word>, to every subscriber",
            "/done /camera/open <word>",
            "/fail /camera/open <reason>",
        ),
    ),
    Command(
        address="/camera/list",
        description="Lists all sources that `/camera/open` accepts now, and whether the search "
        "for NDI senders is on.",
        replies=(
            "/camera/entry <word> <title> <on>, one message per source",
            "/camera/ndi <on>",
            "/camera/changed <count>, to every subscriber, whenever the list changes",
            "/done /camera/list",
            "/fail /camera/list <reason>",
        ),
    ),
    Command(
        address="/camera/ndi",
        arguments=arguments("on:switch"),
        description="1: starts the search for NDI senders on the network; 0: stops it. Off by "
        "default, because "
        "operating systems warn about programs that search the network.",
        replies=(
            "/camera/changed <count>, to every subscriber",
            "/done /camera/ndi <on>",
            "/fail /camera/ndi <reason>",
        ),
    ),
)
