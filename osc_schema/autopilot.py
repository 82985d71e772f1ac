"""The autopilot: plays by itself while no hand is on the controls."""

from typing import Any

from osc_schema.banks import MAX_BANKS
from osc_schema.declare import number, switch, trigger, whole
from osc_schema.types import Area

_SETTING: dict[str, Any] = {"stored": False, "is_look": False}

AREA = Area(
    title="Autopilot",
    description="Plays by itself: takes another look on the bar after each change of "
    "`/beat/section`, or on the next "
    "beat for a drop whose build was heard. Its energy (`energy` in the file of a preset) fits "
    "the section; the order "
    "changes. Whoever moves, loads or prepares something has the hand; the autopilot goes on when "
    "nobody has for "
    "`/autopilot/hands_off`. What changes a value without resting for 5 s is a program, and no "
    "hand.",
    params=(
        switch(
            "/autopilot/enable",
            False,
            "Plays by itself, with the take fade of /preset/take_fade.",
            tags="auto automatic vj random shuffle",
            **_SETTING,
        ),
        whole(
            "/autopilot/bank",
            0,
            0,
            MAX_BANKS,
            "The bank from which it takes looks; 0: the built-in looks.",
            tags="looks presets pads",
            **_SETTING,
        ),
        number(
            "/autopilot/hands_off",
            60,
            0,
            3600,
            "How long it does nothing after a hand has changed, loaded or prepared something.",
            "s",
            smoothing_ms=0,
            tags="pause manual override idle",
            **_SETTING,
        ),
        whole(
            "/autopilot/bars",
            16,
            0,
            512,
            "Longest stay of a look in a section that does not change; 0: no end.",
            "bars",
            tags="length stay time",
            **_SETTING,
        ),
        number(
            "/autopilot/breath",
            0.06,
            0,
            0.5,
            "How far the macros breathe meanwhile, over eight bars around their positions; 0: not "
            "at all.",
            smoothing_ms=0,
            tags="macros sine slow movement",
            **_SETTING,
        ),
        trigger(
            "/autopilot/drop",
            "The drop is now: cuts to another look that fits a drop, also while it is off or a "
            "hand has the show. It "
            "plays for a drop until it hears another section.",
            tags="hit section manual now",
        ),
        trigger(
            "/autopilot/break",
            "Like drop, for a break: another look that fits one comes with the take fade.",
            tags="breakdown section manual now calm",
        ),
    ),
)
