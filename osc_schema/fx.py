"""Shaders of others: a generator, four effects and a transition, each with a file and sixteen
aliases of its inputs."""

from collections.abc import Mapping
from typing import Any

from osc_schema.declare import menu, message, number, switch, text
from osc_schema.types import Area, Command, Param

GENERATOR = "generator"
EFFECTS = ("1", "2", "3", "4")
TRANSITION = "transition"
LOOK_SLOTS = (GENERATOR, *EFFECTS)
"""The slots of a look, in the order in which they are drawn."""
SLOTS = (*LOOK_SLOTS, TRANSITION)
"""All slots. The transition belongs to no look: it draws the dissolve of two."""
DISSOLVE = "dissolve"
"""The plain dissolve, in place of a transition's name."""
ALIASES = tuple(range(1, 17))
"""Numbers of the inputs that a control surface can address without knowing the shader."""
PALETTE_INPUTS = ("palette_1", "palette_2", "palette_3", "palette_4")
"""Colour inputs of these names: set from `/colour/palette` (deep, two colours, highlight), without
aliases."""
BEATS = "beats"
BPM = "bpm"
"""Float inputs of these names: the beats since the start and the tempo, without aliases."""
QUALITY = "quality"
"""A float input of this name is multiplied by 1, 1/2 or 1/4, by how fast the shader was measured to
be."""
FED_INPUTS = (*PALETTE_INPUTS, BEATS, BPM)
PROGRESS = "progress"
"""Input of a transition: the mix of the fade."""
MAX_NAME_CHARACTERS = 255
RESERVED = frozenset(("file", "enable", "mix", "error", *map(str, ALIASES)))
"""Last parts of addresses that are no input's name."""


FALLBACK = "/fx/fallback"
OWN_LAYERS = "layers"
FALLBACKS = (
    "eclipse", "prism", "silk", "cathedral", "mandala", "skein", "medusa", "pulsar", "thunder",
)  # fmt: skip
"""Built-in looks, in lower case. One that has a shader stands for its own fallback, so that older
presets are read."""


def file_address(slot: str) -> str:
    return "/preset/transition" if slot == TRANSITION else f"/fx/{slot}/file"


def chosen_file(slot: str, values: Mapping[str, Any]) -> str:
    """The name of the shader that these values choose for a slot; "" for none."""
    name = str(values[file_address(slot)])
    return "" if slot == TRANSITION and name.casefold() == DISSOLVE else name


def enable_address(slot: str) -> str:
    return f"/fx/{slot}/enable"


def alias_address(slot: str, number: int) -> str:
    return f"/fx/{slot}/{number}"


def is_alias(address: str) -> bool:
    """True for the address of an alias, `/fx/<slot>/<1..16>`."""
    return any(address == alias_address(slot, number) for slot in SLOTS for number in ALIASES)


def _slot(slot: str) -> tuple[Param, ...]:
    at = f"/fx/{slot}"
    what = f"effect {slot}" if slot in EFFECTS else slot
    own: dict[str, Any] = {"stored": False, "is_look": False} if slot == TRANSITION else {}
    mixed = (
        "How much of the generator covers the picture; at 0 it is seen only where /layer/5/source "
        "selects it."
        if slot == GENERATOR
        else f"Amount of effect {slot}; at 0 the picture passes unchanged."
    )
    file = text(
        file_address(slot),
        "",
        f"Shader of the {what}, by its name in `/fx/list`, upper or lower case; empty: none. The "
        "last one plays "
        "until the new one has been tested. Its inputs begin with the shader's defaults, unless "
        "the same bundle, "
        "preset or cue sets them.",
        most=MAX_NAME_CHARACTERS,
        tags="isf shader glsl filter effect fx plugin load",
    )
    mix = number(f"{at}/mix", 1, 0, 1, mixed, tags="amount wet dry opacity blend")
    return (
        *((file,) if slot in LOOK_SLOTS else ()),
        switch(
            enable_address(slot),
            True,
            f"Draws the {what}. The engine bypasses a shader that takes too long; switching it "
            "on, also when it is on, "
            "tries it again.",
            tags="bypass on off mute",
            **own,
        ),
        *((mix,) if slot in LOOK_SLOTS else ()),
        *(
            number(
                alias_address(slot, alias),
                0,
                0,
                1,
                f"Input {alias} of the {what}'s shader, over its range. The inputs are numbered "
                "in the order of the "
                "file; a point has two numbers, a colour four. The same input by name: "
                "/fx/<slot>/<input>.",
                tags="isf input parameter alias knob macro",
                **own,
            )
            for alias in ALIASES
        ),
    )


AREA = Area(
    title="Shaders",
    description="Shaders of the Interactive Shader Format (ISF): a generator, four effects after "
    "the Multiverse, and a "
    "transition from one look to another (`/preset/transition`). The inputs of a playing shader "
    "also have addresses by "
    "name, /fx/<slot>/<input>, with their own range, which OSCQuery lists.",
    tags="isf fx",
    is_page_per_number=True,
    params=(
        menu(
            FALLBACK,
            " ".join((*FALLBACKS, OWN_LAYERS)),
            "Look that holds the picture, in the palette of the present one, while the engine "
            "bypasses a generator "
            f"that covers it: a built-in look without shaders, or {OWN_LAYERS}: the layers "
            "beneath.",
            tags="bypass replacement safety backup plan b",
        ),
        *(param for slot in SLOTS for param in _slot(slot)),
    ),
    commands=(
        Command(
            address="/fx/list",
            description="Lists the shaders that `/fx/<slot>/file` and `/preset/transition` "
            "accept, and the state of "
            "each slot: off, waiting, testing, playing, failed (the last good shader plays on), "
            "bypassed (it was too "
            "slow).",
            replies=(
                "/fx/name <name> <folder>, one message per shader",
                "/fx/slot <slot> <file> <state> <reason>, one message per slot",
                "/fx/input <address> <label>, one message per input of the playing shaders",
                "/fx/playing <slot> <file>, to every subscriber, when another shader plays",
                "/fx/changed <count>, to every subscriber, whenever the list changes",
                "/fx/<slot>/error <reason>, to every subscriber, when a shader fails or is "
                "bypassed; empty: it plays",
                "/done /fx/list <count>",
            ),
        ),
    ),
    messages=(
        message("/fx/changed", "count:i", "The list of shaders has changed."),
        message("/fx/playing", "slot:s file:s", "Another shader plays in the slot; empty: none."),
        *(
            message(
                f"/fx/{slot}/error",
                "reason:s",
                "Why its shader failed or is bypassed, with its line; empty: it plays.",
            )
            for slot in SLOTS
        ),
    ),
)
