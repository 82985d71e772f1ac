"""Banks of pads. They are stored in `banks.toml`, which people can read and edit."""

from osc_schema.declare import NAME_CHARACTERS as NAME_CHARACTERS
from osc_schema.declare import arguments, message, whole
from osc_schema.types import Area, Command

MAX_BANKS = 16
PADS = 16
_BANK = f"bank:i[1..{MAX_BANKS}]"
_PAD = f"pad:i[1..{PADS}]"


def _edit(verb: str, spec: str, description: str) -> Command:
    address = f"/bank/{verb}"
    return Command(
        address=address,
        arguments=arguments(spec),
        description=description,
        replies=(
            "/bank/changed <bank>, to every subscriber",
            f"/done {address} <bank>",
            f"/fail {address} <reason>",
        ),
    )


def _still(address: str, spec: str, where: str) -> Command:
    return Command(
        address=address,
        arguments=arguments(spec),
        description="Saves the program's picture, as it is behind a blackout, as a preset `Still "
        "1` and so on that "
        f"shows it, {where} Needs OpenGL, as shaders do.",
        replies=(
            "/preset/changed <name>, to every subscriber",
            f"/done {address} <name>",
            f"/fail {address} <reason>",
        ),
    )


def _press(address: str, spec: str, description: str, done: str, last: int = 0) -> Command:
    return Command(
        address=address,
        last=last,
        arguments=arguments(spec),
        description=f"{description} 1 is pressed, 0 released; without a number it is a tap. The "
        "first press prepares "
        "the pad's preset (/preset/prepare), a second press of the same pad takes it, within "
        "/preset/take_fade and on "
        "the beat of /launch/quantise. Held for longer than 0.4 s the look is on air only until "
        "the release "
        "(/preset/flash). A pad that is down already is not pressed again.",
        replies=(f"/done {address} {done}", f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Banks",
    description="Banks of 4 x 4 pads, each with a preset: banks 1..16, pads 1..16 row by row from "
    "the top left. At "
    "first they hold one's own presets by name, then the built-in looks. A newly saved preset "
    "goes to the first free "
    "pad of the banks whose name does not begin with `Looks`. A pad follows when its preset is "
    "renamed; it is empty "
    "while its preset is deleted. Grid controllers (Launchpad, APC) play and light the shown bank "
    "by themselves.",
    params=(
        whole(
            "/bank/shown",
            1,
            1,
            MAX_BANKS,
            "The bank that /pad/1 to /pad/16, and the pads of controllers, play.",
            tags="page pads launchpad apc grid",
            stored=False,
            is_look=False,
        ),
    ),
    commands=(
        _press(
            "/pad/<n>",
            "pressed:switch?",
            "Presses pad n, 1..16, of the shown bank.",
            "<bank> <pad> <preset>",
            last=PADS,
        ),
        _press(
            "/bank/press",
            f"{_BANK} {_PAD} pressed:switch?",
            "Presses a pad of any bank, like /pad/<n>.",
            "<bank> <pad> <preset>",
        ),
        Command(
            address="/bank/list",
            description="Lists the banks, and their pads with a preset that exists.",
            replies=(
                "/bank/entry <bank> <name>, one message per bank",
                "/bank/pad <bank> <pad> <preset> <colour>, one message per pad in use; the colour "
                "is #rrggbb or empty",
                "/done /bank/list",
            ),
        ),
        _edit(
            "put",
            f"{_BANK} {_PAD} preset:s colour:s?",
            "Puts a preset on a pad, with a colour #rrggbb (left out: as it was); an empty name "
            "empties the pad.",
        ),
        _still(
            "/still/take",
            "pressed:press?",
            "on the next free pad. 0 (a button released) does nothing.",
        ),
        _still("/still/to", _PAD, "on that pad of the shown bank."),
        _edit(
            "swap",
            f"{_BANK} {_PAD} to_{_BANK} to_{_PAD}",
            "Exchanges two pads, of which one may be empty.",
        ),
        _edit("name", f"{_BANK} name:s", "Names a bank; the next free number makes one."),
        _edit("remove", _BANK, "Removes a bank; those after it move up. Its presets stay."),
    ),
    messages=(message("/bank/changed", "bank:i", "This bank has changed."),),
)
