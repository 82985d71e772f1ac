"""Presets: commands only; what a preset holds is told by each parameter's `stored`."""

from osc_schema.declare import arguments
from osc_schema.types import Area, Command


def _command(verb: str, description: str, *replies: str) -> Command:
    address = f"/preset/{verb}"
    return Command(
        address=address,
        arguments=arguments("name:s"),
        description=description,
        replies=(*replies, f"/done {address} <name>", f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Presets",
    description="A preset holds every parameter marked as stored. `default` and `VAV original` are built in.",
    commands=(
        _command("save", "Writes the values of now under a name, over an older preset of that name."),
        _command("load", "Applies a preset in one frame; entries that do not fit are reported, the rest applied."),
        _command("delete", "Deletes a preset."),
        Command(
            address="/preset/list",
            description="Asks for the names of all presets.",
            replies=("/preset/name <name>, one message a preset", "/done /preset/list"),
        ),
    ),
)
