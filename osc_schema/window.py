"""The window that shows the picture on a display of this machine: its shape, saved for each
display."""

from typing import Any

from osc_schema.declare import NAME_CHARACTERS, arguments, menu, message, switch, text, whole
from osc_schema.outputs import pin
from osc_schema.types import Area, Command

# Settings of a venue's wiring, which the window saves for each display: presets, cues and panic do
# not change them.
_WIRING: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

AREA = Area(
    title="Window",
    description="The window that `/sink/window/enable` opens on a display of this machine, for a "
    "projector. Rotation, "
    "fit and the four corners are saved for each display, and return with it.",
    tags="projector display screen monitor output beamer fullscreen",
    params=(
        text(
            "/window/display",
            "",
            "Number or name of a display, or a part of its name: where /sink/window/enable opens "
            "the window, and which "
            "window the other settings change. Empty: the second display if there is one, and the "
            "first window.",
            most=NAME_CHARACTERS,
            **_WIRING,
        ),
        switch("/window/fullscreen", False, "Fills the display, without a pointer.", **_WIRING),
        whole(
            "/window/rotate",
            0,
            0,
            270,
            "Turns the picture clockwise.",
            "degrees",
            step=90,
            tags="portrait",
            **_WIRING,
        ),
        menu(
            "/window/fit",
            "fit fill stretch",
            "fit: the whole picture on black; fill: no black, its edges are cut off; stretch: "
            "another aspect ratio.",
            tags="aspect crop letterbox",
            **_WIRING,
        ),
        *(
            pin("/window", corner, axis, "display", **_WIRING)
            for corner in range(4)
            for axis in range(2)
        ),
        switch(
            "/window/test_card",
            False,
            "Shows a grid with the numbers of the corners and the name of the display.",
            tags="pattern grid align",
            **_WIRING,
        ),
    ),
    commands=(
        Command(
            address="/window/open",
            arguments=arguments(f"word:s[1..{NAME_CHARACTERS}]"),
            description="Shows the picture in a window on this display, and on no other: its "
            "number, its name or a "
            "part of it; `none` closes the window.",
            replies=(
                "/window/current <word>, to every subscriber",
                "/done /window/open <word>",
                "/fail /window/open <reason>",
            ),
        ),
        Command(
            address="/window/list",
            description="Lists the displays of this machine.",
            replies=(
                "/window/entry <word> <title> <on>, one message per display, and `none`",
                "/done /window/list",
                "/fail /window/list <reason>",
            ),
        ),
    ),
    messages=(
        message("/window/current", "word:s", "The display of the window; none: it is closed."),
    ),
)
