"""Which source layer 5 shows, chosen while the engine runs. Commands only; `--camera` names the first."""

from osc_schema.declare import arguments
from osc_schema.types import Command

COMMANDS = (
    Command(
        address="/camera/open",
        arguments=arguments("word:s"),
        description="Shows another source on layer 5 while the engine runs: `none`, `test`, a camera's index or name, "
        "`spout:NAME`, `syphon:NAME`, `shared:NAME`, `ndi:NAME` (a word of the name is enough: `spout:Arena`), or "
        "`start`, what the engine was started with. Files and addresses are given at the start only. The "
        "current source plays on until the new one has its first picture; one that has none within 10 s is given up. "
        "Presets do not hold it.",
        replies=(
            "/camera/current <word>, to every subscriber",
            "/done /camera/open <word>",
            "/fail /camera/open <reason>",
        ),
    ),
    Command(
        address="/camera/list",
        description="Asks for everything that `/camera/open` can be given now, and whether NDI is looked for.",
        replies=(
            "/camera/entry <word> <title> <on>, one message a source",
            "/camera/ndi <on>",
            "/camera/changed <count>, to every subscriber, whenever the list is another",
            "/done /camera/list",
            "/fail /camera/list <reason>",
        ),
    ),
    Command(
        address="/camera/ndi",
        arguments=arguments("on:i"),
        description="1 looks round the network for NDI senders from now on, 0 ends it. Off until it is asked for: "
        "systems warn of programs that look round the network.",
        replies=(
            "/camera/changed <count>, to every subscriber",
            "/done /camera/ndi <on>",
            "/fail /camera/ndi <reason>",
        ),
    ),
)
