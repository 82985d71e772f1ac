"""Commands of the presets. A preset holds the parameters that are declared `stored`."""

from osc_schema.cues import MAX_FADE_S
from osc_schema.declare import arguments
from osc_schema.live_models import NAMES
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
_NOT_LOOK = ", ".join(f"/{name}" for name in (*NAMES, "audio"))

AREA = Area(
    title="Presets",
    description="A preset holds every parameter marked as stored. `default`, `VAV original` and looks of several "
    "worlds are built in (`/preset/list`).",
    commands=(
        _command(
            "save",
            "Saves the current values under a name. An older preset of that name is replaced but kept: "
            "`/preset/restore` brings it back. The picture on screen becomes its thumbnail on the page.",
            _CHANGED,
            _CURRENT,
            "/preset/replaced <name>, to every subscriber, if it replaced another",
        ),
        _command(
            "load",
            "Applies a preset in one frame; invalid entries are reported, the rest is applied. If its shaders are not "
            "ready, the picture on screen stays until they are, at most 2 s. With a time, "
            f"0..{MAX_FADE_S:g} s, the picture of the old look dissolves into the new one. The parameters have the "
            "new look's values at once, and changing one during the fade changes the new look; only floats that are "
            f"not part of the look ({_NOT_LOOK}) glide. Both looks are drawn, each with its own menus, "
            "trail and modulation; if that would make frames late, the old one freezes (see /engine/status/fade). "
            "Another load during the fade continues from what is on screen. Answered when the fade is complete, or "
            "with `superseded by ...`: another load, or panic, which ends it at once.",
            spec="name:s fade_s:f?",
        ),
        _command(
            "glide",
            f"Like load, but the values themselves move during the time, 0..{MAX_FADE_S:g} s: floats glide evenly on "
            "their own scale, everything else changes at the start; a value that is set meanwhile stops gliding. For "
            "presets with the same menus. Answered when all values have arrived, or with `superseded by ...` if "
            "all were taken over.",
            spec="name:s glide_s:f?",
        ),
        _command("delete", "Deletes a preset; `/preset/restore` brings it back.", _CHANGED),
        _command(
            "restore",
            "Restores the version of a preset that was last replaced or deleted. The present version, if any, is kept: "
            "a second call brings it back. The newest 10 of each name are kept. The picture on screen does not change.",
            _CHANGED,
        ),
        Command(
            address="/preset/current",
            description="Returns the current preset (the one last loaded or saved by any client), and 1 if a value has "
            'been changed since; the name is "" if there is none. Subscribers get each change.',
            replies=("/preset/current <name> <edited>", "/done /preset/current"),
        ),
        Command(
            address="/preset/list",
            description="Lists the names of all presets, and the current one.",
            replies=(
                "/preset/current <name> <edited>",
                "/preset/name <name>, one message per preset",
                "/done /preset/list",
            ),
        ),
    ),
)
