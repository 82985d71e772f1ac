"""Macros: one knob that moves many parameters."""

from osc_schema.declare import NAME_CHARACTERS, TEXT_CHARACTERS, arguments, number, text
from osc_schema.types import Area, Command, Param

MACROS = range(1, 9)
_NUMBER = f"number:i[{MACROS[0]}..{MACROS[-1]}]"


def _macro(n: int) -> tuple[Param, ...]:
    return (
        number(
            f"/macro/{n}",
            0.0,
            0.0,
            1.0,
            f"Macro {n}: moves the parameters in /macro/moves/{n}.",
            tags="knob dashboard assign multi",
        ),
        text(
            f"/macro/name/{n}", "", f"Name of macro {n} on control surfaces.", most=NAME_CHARACTERS
        ),
        text(
            f"/macro/moves/{n}",
            "",
            f"The parameters that macro {n} moves, each as `address low high curve`, separated by "
            "semicolons: "
            "`/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, "
            "the parameter's range. "
            "Positive curves start slowly, negative ones quickly, -1 to 1.",
            most=TEXT_CHARACTERS,
        ),
    )


AREA = Area(
    title="Macros",
    description="Eight knobs, each of which moves any number of parameters. Presets hold their "
    "positions, names and "
    "moves, so each look has its own. A macro sets its parameters when it is moved; until then "
    "their own faders stay "
    "where they were put. Sound and LFOs can move a macro as well (`/mod/<n>/target /macro/1`).",
    params=tuple(param for n in MACROS for param in _macro(n)),
    commands=(
        Command(
            address="/macro/add",
            arguments=arguments(f"{_NUMBER} address:s low:f? high:f? curve:f=0"),
            description="Lets a macro move one more parameter, or changes how it moves it.",
            replies=("/done /macro/add <number> <address>", "/fail /macro/add <reason>"),
        ),
        Command(
            address="/macro/remove",
            arguments=arguments(f"{_NUMBER} address:s?"),
            description="Takes a parameter away from a macro; without an address, all of them.",
            replies=("/done /macro/remove <number>", "/fail /macro/remove <reason>"),
        ),
    ),
)
