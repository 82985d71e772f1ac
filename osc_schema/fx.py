"""Shaders of others: a generator and four effects, each with a file and sixteen aliases of its inputs."""

from osc_schema.declare import menu, message, number, switch, text
from osc_schema.types import Area, Command, Param

GENERATOR = "generator"
EFFECTS = ("1", "2", "3", "4")
SLOTS = (GENERATOR, *EFFECTS)
"""The slots, in the order in which they are drawn."""
ALIASES = tuple(range(1, 17))
"""Numbers of the inputs that a control surface can address without knowing the shader."""
PALETTE_INPUTS = ("palette_1", "palette_2", "palette_3", "palette_4")
"""Colour inputs of these names: set from `/colour/palette` (deep, two colours, highlight), without aliases."""
BEATS, BPM = "beats", "bpm"
"""Float inputs of these names: the beats since the start and the tempo, without aliases."""
QUALITY = "quality"
"""A float input of this name is multiplied by 1, 1/2 or 1/4, by how fast the shader was measured to be."""
FED_INPUTS = (*PALETTE_INPUTS, BEATS, BPM)
MAX_NAME_CHARACTERS = 255
RESERVED = frozenset(("file", "enable", "mix", "error", *map(str, ALIASES)))
"""Last parts of addresses that are no input's name."""


FALLBACK = "/fx/fallback"
OWN_LAYERS = "layers"
FALLBACKS = (
    "eclipse", "prism", "silk", "cathedral", "mandala", "skein", "medusa", "pulsar", "thunder",
)  # fmt: skip
"""The built-in looks without shaders, in lower case, but for that which writes words."""


def file_address(slot: str) -> str:
    return f"/fx/{slot}/file"


def enable_address(slot: str) -> str:
    return f"/fx/{slot}/enable"


def alias_address(slot: str, number: int) -> str:
    return f"/fx/{slot}/{number}"


def is_alias(address: str) -> bool:
    """True for the address of an alias, `/fx/<slot>/<1..16>`."""
    return any(address == alias_address(slot, number) for slot in SLOTS for number in ALIASES)


def _slot(slot: str) -> tuple[Param, ...]:
    at = f"/fx/{slot}"
    what = "generator" if slot == GENERATOR else f"effect {slot}"
    mixed = (
        "How much of the generator covers the picture; at 0 it is seen only where /layer/5/source selects it."
        if slot == GENERATOR
        else f"Amount of effect {slot}; at 0 the picture passes unchanged."
    )
    return (
        text(
            file_address(slot),
            "",
            f"Shader of the {what}, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays "
            "until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, "
            "preset or cue sets them.",
            most=MAX_NAME_CHARACTERS,
            tags="isf shader glsl filter effect fx plugin load",
        ),
        switch(
            enable_address(slot),
            True,
            f"Draws the {what}. The engine bypasses a shader that takes too long; switching it on, also when it is on, "
            "tries it again.",
            tags="bypass on off mute",
        ),
        number(f"{at}/mix", 1, 0, 1, mixed, tags="amount wet dry opacity blend"),
        *(
            number(
                alias_address(slot, alias),
                0,
                0,
                1,
                f"Input {alias} of the {what}'s shader, over its range. The inputs are numbered in the order of the "
                "file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.",
                tags="isf input parameter alias knob macro",
            )
            for alias in ALIASES
        ),
    )


AREA = Area(
    title="Shaders",
    description="Shaders of the Interactive Shader Format (ISF): a generator, and four effects after the Multiverse. "
    "The inputs of a playing shader also have addresses by name, /fx/<slot>/<input>, with their own range, which "
    "OSCQuery lists.",
    tags="isf fx",
    is_page_per_number=True,
    params=(
        menu(
            FALLBACK,
            " ".join((*FALLBACKS, OWN_LAYERS)),
            "Look that holds the picture, in the palette of the present one, while the engine bypasses a generator "
            f"that covers it: a built-in look without shaders, or {OWN_LAYERS}: the layers beneath.",
            tags="bypass replacement safety backup plan b",
        ),
        *(param for slot in SLOTS for param in _slot(slot)),
    ),
    commands=(
        Command(
            address="/fx/list",
            description="Lists the shaders that `/fx/<slot>/file` accepts, and the state of each slot: off, waiting, "
            "testing, playing, failed (the last good shader plays on), bypassed (it was too slow).",
            replies=(
                "/fx/name <name> <folder>, one message per shader",
                "/fx/slot <slot> <file> <state> <reason>, one message per slot",
                "/fx/input <address> <label>, one message per input of the playing shaders",
                "/fx/playing <slot> <file>, to every subscriber, when another shader plays",
                "/fx/changed <count>, to every subscriber, whenever the list changes",
                "/fx/<slot>/error <reason>, to every subscriber, when a shader fails or is bypassed; empty: it plays",
                "/done /fx/list <count>",
            ),
        ),
    ),
    messages=(
        message("/fx/changed", "count:i", "The list of shaders has changed."),
        message("/fx/playing", "slot:s file:s", "Another shader plays in the slot; empty: none."),
        *(
            message(
                f"/fx/{slot}/error", "reason:s", "Why its shader failed or is bypassed, with its line; empty: it plays."
            )
            for slot in SLOTS
        ),
    ),
)
