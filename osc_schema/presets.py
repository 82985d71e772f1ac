"""Presets: commands only; what a preset holds is told by each parameter's `stored`."""

from osc_schema.cues import MAX_FADE_S
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
_CURRENT = "/preset/current <name> <edited>, to every subscriber"

AREA = Area(
    title="Presets",
    description="A preset holds every parameter marked as stored. `default`, `VAV original` and eight looks are "
    "built in (`/preset/list`).",
    commands=(
        _command(
            "save",
            "Writes the values of now under a name, over an older preset of that name, which is kept: "
            "`/preset/restore` brings it back. What is on screen becomes its picture on the page.",
            _CHANGED,
            _CURRENT,
            "/preset/replaced <name>, to every subscriber, where it was saved over another",
        ),
        _command(
            "load",
            "Applies a preset in one frame; entries that do not fit are reported, the rest applied. With a time, "
            f"0..{MAX_FADE_S:g} s, the picture of the old look dissolves into that of the new one. The values are "
            "the new look's from the beginning, and who sets one meanwhile moves the new look; only floats that are no "
            "look (/sd, /sam3, /rvc, /audio) glide there. Both looks are drawn, each with its own menus, trail and "
            "modulation; where that would make frames late the old one stands still (/engine/status/fade tells). "
            "Another load in mid-fade fades on from what is on screen. Answered when it has arrived, or with "
            "`superseded by ...`: by another load, or panic, which ends it at once.",
            spec="name:s fade_s:f?",
        ),
        _command(
            "glide",
            f"As load, but within the time, 0..{MAX_FADE_S:g} s, the values themselves move: floats glide evenly "
            "on their own scale, all else changes at the beginning; whoever sets one of them meanwhile has it. For "
            "presets whose menus are the same. Answered when it has arrived, or with `superseded by ...` when nothing "
            "is left of it.",
            spec="name:s glide_s:f?",
        ),
        _command("delete", "Deletes a preset. It is kept: `/preset/restore` brings it back.", _CHANGED),
        _command(
            "restore",
            "Brings back what was last saved over or deleted under a name; again: what stood there before. The newest "
            "10 of a name are kept. Nothing on screen changes.",
            _CHANGED,
        ),
        Command(
            address="/preset/current",
            description="Asks which preset is on: the one that was loaded last, by whomever, or saved. 1: a value that "
            'it holds is another now. Without one the name is "". Subscribers are told of each change.',
            replies=("/preset/current <name> <edited>", "/done /preset/current"),
        ),
        Command(
            address="/preset/list",
            description="Asks for the names of all presets, and which is on.",
            replies=(
                "/preset/current <name> <edited>",
                "/preset/name <name>, one message a preset",
                "/done /preset/list",
            ),
        ),
    ),
)
