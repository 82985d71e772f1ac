"""Presets: commands only; what a preset holds is told by each parameter's `stored`."""

from osc_schema.cues import LONGEST_FADE_S
from osc_schema.declare import arguments
from osc_schema.types import Area, Command


def _command(verb: str, description: str, *replies: str, spec: str = "name:s") -> Command:
    address = f"/preset/{verb}"
    return Command(
        address=address,
        arguments=arguments(spec),
        description=description,
        replies=(*replies, f"/done {address} <name>", f"/fail {address} <reason>"),
    )


_CHANGED = "/preset/changed <name>, to every subscriber"

AREA = Area(
    title="Presets",
    description="A preset holds every parameter marked as stored. `default`, `VAV original` and eight looks are "
    "built in (`/preset/list`).",
    commands=(
        _command("save", "Writes the values of now under a name, over an older preset of that name.", _CHANGED),
        _command(
            "load",
            "Applies a preset in one frame; entries that do not fit are reported, the rest applied. With a time, "
            f"0..{LONGEST_FADE_S:g} s, floats glide there evenly on their own scale and all else changes at the "
            "beginning; whoever sets one of them meanwhile has it. Answered when it has arrived, or with `superseded "
            "by ...` when nothing is left of it.",
            spec="name:s fade_s:f?",
        ),
        _command("delete", "Deletes a preset.", _CHANGED),
        Command(
            address="/preset/list",
            description="Asks for the names of all presets.",
            replies=("/preset/name <name>, one message a preset", "/done /preset/list"),
        ),
    ),
)
