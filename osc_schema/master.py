"""Last controls before the outputs. Presets, cues and panic do not change them, but panic ends the
strobe."""

from typing import Any

from osc_schema.declare import menu, number, switch, trigger
from osc_schema.modulation import BAR_SYNCS, SYNCS
from osc_schema.types import Area

_MASTER: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}

AREA = Area(
    title="Master and safety",
    description="Last controls before the outputs; not stored in presets or cues.",
    fully_named=("master",),
    params=(
        number(
            "/master/fade",
            1,
            0,
            1,
            "Fades the finished picture to black.",
            tags="volume opacity dim brightness out fader",
            **_MASTER,
        ),
        switch(
            "/master/blackout",
            False,
            "Cuts to black at once; everything keeps running behind it.",
            tags="dark off kill mute black dbo",
            **_MASTER,
        ),
        trigger(
            "/master/hit",
            "A flash of white over the picture, gone within a quarter of a second. The flash "
            "guard limits it like any "
            "other.",
            tags="flash strobe bump blinder white accent",
        ),
        switch(
            "/master/strobe/enable",
            False,
            "Strobe: flashes of a fifteenth of a second, at most half of a cycle, over the "
            "picture. While the flash "
            "guard is on, it leaves at most three a second.",
            tags="flash blinder stroboscope",
            **_MASTER,
        ),
        menu(
            "/master/strobe/tempo_sync",
            " ".join((*SYNCS, *BAR_SYNCS)),
            "Time between two flashes at the tempo of /tempo/bpm; free: uses `rate_hz`.",
            tags="speed tempo beat bpm division clock",
            **_MASTER,
        ),
        number(
            "/master/strobe/rate_hz",
            8,
            0.1,
            15,
            "Flashes per second while `tempo_sync` is free.",
            "Hz",
            scale="exponential",
            smoothing_ms=0,
            tags="speed frequency flash",
            **_MASTER,
        ),
        number(
            "/master/strobe/depth",
            1,
            0,
            1,
            "How far a flash covers the picture; 1: wholly.",
            smoothing_ms=0,
            tags="amount intensity opacity",
            **_MASTER,
        ),
        menu(
            "/master/strobe/colour",
            "white black",
            "What flashes: white over the picture, or black.",
            tags="color invert",
            **_MASTER,
        ),
        switch(
            "/master/freeze",
            False,
            "Freezes the picture on screen.",
            tags="pause hold still stop",
            **_MASTER,
        ),
        trigger(
            "/master/panic",
            "Resets the look to its defaults, the look Eclipse, and ends the strobe; audio, "
            "sinks, models and the "
            "rest of the master stay as they are.",
            tags="reset default clear emergency",
        ),
        switch(
            "/safety/flash_guard",
            True,
            "Flash guard: dims areas of the picture that would flash more than three times per "
            "second, and desaturates "
            "flashing red (WCAG 2.3.1); movement stays. Always on after a start.",
            tags="flicker epilepsy photosensitive limiter strobe",
            **_MASTER,
        ),
    ),
)
