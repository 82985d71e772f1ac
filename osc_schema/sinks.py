"""Outputs: on and off, names, and the picture they publish."""

from typing import Any

from osc_schema import plugins
from osc_schema.declare import (
    NAME_CHARACTERS,
    arguments,
    file,
    menu,
    number,
    switch,
    text,
    trigger,
    whole,
)
from osc_schema.live_models import PICTURES
from osc_schema.types import Area, Command, ExtraPicture, Param, SinkKind

DEFAULT_NAME = "Multiverse"
# Never saved: set by the command line.
_RUNNING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

KINDS = {
    "syphon": SinkKind(
        help_name="the Syphon server (macOS)",
        argument="name of the texture",
        platform="darwin",
        system="macOS",
        packages=(
            ("syphon", "pip install 'syphon-python[opengl]'"),
            ("OpenGL", "pip install 'syphon-python[opengl]'"),  # its GL server needs it
        ),
        is_on_gpu=True,
        is_named=True,
    ),
    "spout": SinkKind(
        help_name="the Spout sender (Windows)",
        argument="name of the texture",
        platform="win32",
        system="Windows",
        packages=(("SpoutGL", "pip install SpoutGL, which needs Python 3.11 to 3.13"),),
        is_on_gpu=True,
        is_named=True,
    ),
    "shared": SinkKind(
        help_name="the shared-memory ring", argument="name of the texture", is_named=True
    ),
    "ndi": SinkKind(
        help_name="the NDI source (other machines)",
        argument="name of the source",
        packages=(("cyndilib", "pip install cyndilib"),),
        is_named=True,
    ),
    "window": SinkKind(
        help_name="the window on a display of this machine",
        argument="number or name of the display, or a part of its name",
        option="window=DISPLAY",
        packages=(("glfw", "pip install glfw"),),
    ),
    "virtualcam": SinkKind(
        help_name="the virtual camera (for video calls, OBS, browsers)",
        argument="its device, such as /dev/video10 (Linux); without it the first one",
        packages=(("pyvirtualcam", "pip install pyvirtualcam"),),
    ),
    "record": SinkKind(
        help_name="the recording (with sound, MP4)",
        argument="file.mp4 (H.264), file.mov (ProRes, 10 bits), file.mkv (HEVC, 10 bits) or "
        "file.avi (Motion JPEG); "
        "without it a name from date and time",
        option="record=FILE.mp4 (H.264; .mov: ProRes and .mkv: HEVC, both 10 bits; .avi: Motion "
        "JPEG)",
        packages=(("av", "pip install av"),),
        writes_files=True,
    ),
    "snapshot": SinkKind(
        help_name="the PNG writer",
        argument="file.png (file.16.png: 16 bits), or file.png@SECONDS for the frame at that time",
        option="snapshot=FILE.png (.16.png: 16 bits)",
        packages=(("cv2", "pip install opencv-python-headless"),),
        writes_files=True,
    ),
    "dmx": SinkKind(
        help_name="light over Art-Net or sACN",
        argument="name of the source, then settings such as protocol=artnet,universe=4,width=60 "
        "(/sink/dmx/...)",
        option="dmx (light, see /sink/dmx/...)",
    ),
    "null": SinkKind(help_name="the null sink, which discards pictures", argument="name"),
}
"""All kinds, with those of plug-ins. Adding one declares its parameters; the engine finds its class
by its name."""
for _name, _kind in plugins.loaded("multiverse.sinks").items():
    if KINDS.setdefault(_name, _kind) is not _kind:
        plugins.leave_out(
            plugins.declared("multiverse.sinks")[_name], "the engine has a sink of this name"
        )

_SETUP: dict[str, Any] = {"stored": False, "is_look": False}  # of this machine; --resume keeps it
_DMX = (
    menu("/sink/dmx/protocol", "sacn artnet", "Protocol of light.", **_SETUP),
    whole(
        "/sink/dmx/universe",
        1,
        0,
        63_999,
        "First universe; further pixels are in the next ones.",
        **_SETUP,
    ),
    whole(
        "/sink/dmx/channel",
        1,
        1,
        512,
        "Channel of the first pixel in the first universe.",
        **_SETUP,
    ),
    text(
        "/sink/dmx/to",
        "",
        "IPv4 addresses to send to by unicast, HOST[:PORT] with commas; `broadcast`: Art-Net to "
        "all; empty: sACN by "
        "multicast, Art-Net to the nodes that answer a poll.",
        most=256,
        **_SETUP,
    ),
    text(
        "/sink/dmx/interface",
        "",
        "IPv4 address of this machine in the lighting network; empty: the system's choice.",
        most=15,
        **_SETUP,
    ),
    text(
        "/sink/dmx/source",
        "",
        "Name of the source for receivers; empty: that of the sink.",
        most=63,
        **_SETUP,
    ),
    whole("/sink/dmx/priority", 100, 0, 200, "Priority in sACN; the highest wins.", **_SETUP),
    whole(
        "/sink/dmx/sync_packets",
        0,
        0,
        63_999,
        "Universe of sACN's synchronisation packets; with Art-Net any number but 0 sends ArtSync; "
        "0: none.",
        **_SETUP,
    ),
    menu(
        "/sink/dmx/content",
        "picture palette levels beat",
        "What the pixels show: the picture, the layers' colours, these as bright as their sound, "
        "or with the beat.",
        **_SETUP,
    ),
    whole("/sink/dmx/width", 16, 1, 170, "Pixels in a row.", **_SETUP),
    whole("/sink/dmx/height", 9, 1, 64, "Rows of pixels, from the top.", **_SETUP),
    menu("/sink/dmx/order", "rgb rgbw grb grbw", "Channels of a pixel.", **_SETUP),
    switch("/sink/dmx/serpentine", False, "Every second row begins at the right.", **_SETUP),
    menu(
        "/sink/dmx/gamma",
        "2.2 linear",
        "2.2: for LEDs, whose light follows the level; linear: for fixtures with a dimmer curve.",
        **_SETUP,
    ),
    number("/sink/dmx/level", 1, 0, 1, "Brightness of all pixels.", **_SETUP),
)
DMX_SETTINGS = {param.address.rpartition("/")[2]: param for param in _DMX}
"""The settings of light, by the names that the argument of `--sink dmx=` gives them."""


def _sink(kind: str, info: SinkKind) -> tuple[Param, ...]:
    models = " and ".join(dict.fromkeys(picture.model for picture in PICTURES))
    also = f" The {models} pictures are switched with it." if info.is_named else ""
    enable = switch(
        f"/sink/{kind}/enable", False, f"Starts and stops {info.help_name}.{also}", **_RUNNING
    )
    if not info.is_named:
        return (enable,)
    name = text(
        f"/sink/{kind}/name",
        DEFAULT_NAME,
        f"Name of {info.help_name} for receivers; takes effect at its next start.",
        fewest=1,
        most=NAME_CHARACTERS,
        **_RUNNING,
    )
    return enable, name


def _prefixes(first: ExtraPicture, *others: ExtraPicture) -> str:
    sentences = [f"The prefix `{first.name}:` ({first.name}:record) publishes {first.shows}"]
    return ", ".join([*sentences, *(f"`{other.name}:` {other.shows}" for other in others)])


_PREFIXES = _prefixes(*PICTURES)
# examples
_RECORDINGS = ", ".join(("record", *(f"{picture.name}:record" for picture in PICTURES[:2])))
AREA = Area(
    title="Sinks",
    description="Outputs. Each can be started and stopped while the engine runs; a failed one is "
    "retried.",
    tags="output record recording share texture export stream",
    fully_named=("sink",),
    params=(
        *(param for kind, info in KINDS.items() for param in _sink(kind, info)),
        *_DMX,
        file(
            "/sink/record/file",
            "Name of the next recording in the recordings folder; empty: date and time.",
            **_RUNNING,
        ),
        trigger("/sink/snapshot/take", "Writes the next picture as a PNG."),
        file(
            "/sink/snapshot/file",
            "Name of the next snapshot in the recordings folder (.png; .16.png: 16 bits); empty: "
            "date and time.",
            **_RUNNING,
        ),
    ),
    commands=(
        Command(
            address="/sink/start",
            arguments=arguments("kind:s name_or_file:s="),
            description=f"Starts a sink ({', '.join(KINDS)}) under a name, on a display (window), "
            "or into a file of "
            "the recordings folder. Several of one kind can run under different names. "
            f"{_PREFIXES}, each at its own "
            "size. Syphon, Spout, shared and ndi start these automatically. `2:` publishes the "
            "second output.",
            replies=("/done /sink/start <kind>", "/fail /sink/start <reason>"),
        ),
        Command(
            address="/sink/stop",
            arguments=arguments("kind:s name_or_file:s?"),
            description="Stops a sink; without a name, every sink of the kind "
            f"({_RECORDINGS}). Recordings are finished.",
            replies=("/done /sink/stop <kind> [name_or_file]", "/fail /sink/stop <reason>"),
        ),
    ),
)
