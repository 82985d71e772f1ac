"""The last controls before the outputs. No preset, cue or panic touches them."""

from typing import Any

from osc_schema.declare import number, switch, trigger
from osc_schema.types import Area

_MASTER: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

AREA = Area(
    title="Master and safety",
    description="The last controls before the outputs; never stored in presets or cues.",
    fully_named=("master",),
    params=(
        number(
            "/master/fade",
            1,
            0,
            1,
            "Fades the finished picture to black.",
            words="volume opacity dim brightness out fader",
            **_MASTER,
        ),
        switch(
            "/master/blackout",
            False,
            "Black at once, while everything runs on behind it.",
            words="dark off kill mute black dbo",
            **_MASTER,
        ),
        switch("/master/freeze", False, "Holds the picture on screen.", words="pause hold still stop", **_MASTER),
        trigger(
            "/master/panic",
            "Returns every look to its default; audio, sinks, models and the master stay as they are.",
            words="reset default clear emergency",
        ),
        switch(
            "/safety/flash_guard",
            True,
            "Flash guard: dims the picture, or a part of it, where it would flash more than three times in a second, "
            "and desaturates red that flashes (WCAG 2.3.1); what moves goes on moving. On again at every start.",
            words="strobe flicker epilepsy photosensitive limiter",
            **_MASTER,
        ),
    ),
)
