"""Presets. A preset holds the parameters that are declared `stored`."""

from typing import Any

from osc_schema.cues import MAX_FADE_S
from osc_schema.declare import arguments, menu, message, number, text, whole
from osc_schema.fx import DISSOLVE, MAX_NAME_CHARACTERS, TRANSITION, file_address
from osc_schema.launch import QUANTISE
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


BLENDS = (DISSOLVE, "add", "screen", "multiply", "luma", "key")
"""How the pictures of two looks are mixed, in the order of the numbers in mix.glsl."""
_EVENT: dict[str, Any] = {"stored": False, "is_look": False, "resumed": False}
_CHANGED = "/preset/changed <name>, to every subscriber"
_PREPARED = "/preset/prepared <name>, to every subscriber"
_CURRENT = "/preset/current <name> <edited>, to every subscriber"
_NOT_LOOK = ", ".join(f"/{name}" for name in (*NAMES, "audio"))

AREA = Area(
    title="Presets",
    description="A preset holds every parameter marked as stored. `default`, `VAV original` and "
    "looks of several "
    "worlds are built in (`/preset/list`).",
    fully_named=("preset",),
    params=(
        whole(
            "/preset/number",
            0,
            0,
            255,
            "Loads a preset by its number, within /preset/fade_s, whenever it changes: the one "
            "whose name begins with "
            "it (`7 Finale`), else the built-in look with it: 1 Eclipse to 28 Dreamer. 0: none.",
            tags="look bank program scene",
            **_EVENT,
        ),
        number(
            "/preset/fade_s",
            0,
            0,
            25.5,
            "Time in which /preset/number dissolves into its preset.",
            "s",
            smoothing_ms=0,
            tags="crossfade dissolve",
            **_EVENT,
        ),
        number(
            "/preset/crossfader",
            0,
            0,
            1,
            "Fades by hand from the picture on screen to the prepared preset: from where it "
            "stands to either end. At "
            "an end the fade is complete, and the preset that has left is the prepared one; back "
            "where it began, the "
            "old look is as it was. It does nothing while another fade runs.",
            smoothing_ms=0,
            tags="crossfade t-bar ab mix transition hand",
            **_EVENT,
        ),
        text(
            "/preset/take_fade",
            "2bars",
            "Time in which /preset/take dissolves into the prepared preset: seconds (`1.5`), "
            "beats (`4b`) or bars "
            "(`2bars`).",
            fewest=1,
            most=16,
            tags="crossfade dissolve length transition auto",
            stored=False,
            is_look=False,
        ),
        text(
            file_address(TRANSITION),
            DISSOLVE,
            "How one look becomes another: an ISF transition, by its name in `/fx/list`; "
            "`dissolve` or empty: the "
            "blend of /preset/blend. It is tested and built as soon as it is chosen; where it "
            "cannot be drawn, the "
            "looks blend.",
            most=MAX_NAME_CHARACTERS,
            tags="isf shader glsl wipe crossfade mix",
            stored=False,
            is_look=False,
        ),
        menu(
            "/preset/blend",
            " ".join(BLENDS),
            "How the pictures of two looks are mixed between the ends of a fade or of the "
            "crossfader, while no "
            "transition is chosen. dissolve: their average; add, screen, multiply: both in full "
            "in the middle; luma: "
            "the incoming look over the outgoing by its luma; key: over it where it is brighter "
            "than /preset/key.",
            tags="crossfade mix deck composite luma key",
            stored=False,
            is_look=False,
        ),
        number(
            "/preset/key",
            0.05,
            0,
            1,
            "For the blend key: the incoming look is transparent up to this brightness (its "
            "largest of red, green and "
            "blue), and opaque from 0.2 above it.",
            tags="black key threshold level blend",
            stored=False,
            is_look=False,
        ),
    ),
    commands=(
        _command(
            "save",
            "Saves the current values under a name. An older preset of that name is replaced but "
            "kept: "
            "`/preset/restore` brings it back. The picture on screen becomes its thumbnail on the "
            "page.",
            _CHANGED,
            _CURRENT,
            "/preset/replaced <name>, to every subscriber, if it replaced another",
        ),
        _command(
            "load",
            "Applies a preset in one frame; invalid entries are reported, the rest is applied. If "
            "its shaders are not "
            "ready, the picture on screen stays until they are, at most 2 s. With a time, "
            f"0..{MAX_FADE_S:g} s or a text in beats or bars (`4b`, `2bars`: "
            "it ends on the beat), the picture of the old look dissolves into the new one. The "
            "parameters have the "
            "new look's values at once, and changing one during the fade changes the new look; "
            "only floats that are "
            f"not part of the look ({_NOT_LOOK}) glide. Both looks are drawn, each with its own "
            "menus, "
            "trail and modulation; if that would make frames late, the old one freezes (see "
            "/engine/status/fade). "
            "Another load during the fade continues from what is on screen. Answered when the "
            "fade is complete, or "
            "with `superseded by ...`: another load, or panic, which ends it at once. Waits for "
            "/launch/quantise, or "
            "for the beat or bar named at its end.",
            spec=f"name:s fade:time=0 {QUANTISE}",
        ),
        _command(
            "glide",
            f"Like load, but the values themselves move during the time, 0..{MAX_FADE_S:g} s: "
            "floats glide evenly on "
            "their own scale, everything else changes at the start; a value that is set meanwhile "
            "stops gliding. For "
            "presets with the same menus. Answered when all values have arrived, or with "
            "`superseded by ...` if "
            "all were taken over.",
            spec=f"name:s glide:time=0 {QUANTISE}",
        ),
        _command(
            "prepare",
            "Prepares a preset: it waits, and its shaders are made ready, until /preset/take, "
            "/preset/cut or the "
            "crossfader brings it on screen. Without a name nothing is prepared any more.",
            _PREPARED,
            spec="name:s=",
        ),
        _command(
            "take",
            "Loads the prepared preset within the time, else within /preset/take_fade; the preset "
            "that was on screen "
            "is the prepared one then, so that the next take goes back. Otherwise like "
            "/preset/load.",
            _PREPARED,
            _CURRENT,
            spec=f"fade:time? {QUANTISE}",
        ),
        _command("cut", "Like take, in one frame.", _PREPARED, _CURRENT, spec=QUANTISE),
        *(
            _command(
                verb,
                f"Loads the preset of the pad {where} that of the one on screen, or of the one "
                "that waits, in the bank "
                "/bank/shown; at one end it continues at the other. Within /preset/take_fade. 0 "
                "(a button released) "
                "does nothing. Waits for /launch/quantise, or for the beat or bar named at its "
                "end.",
                _CURRENT,
                spec=f"pressed:press? {QUANTISE}",
            )
            for verb, where in (("next", "after"), ("previous", "before"))
        ),
        _command(
            "flash",
            "Shows a preset at once while `pressed` is 1. With 0 the look before is back, except "
            "for values that "
            "others have set meanwhile. Never waits for a beat. The last one pressed is shown, "
            "and releasing it "
            "returns to the look before all of them.",
            _CURRENT,
            spec="name:s pressed:switch",
        ),
        _command("delete", "Deletes a preset; `/preset/restore` brings it back.", _CHANGED),
        _command(
            "restore",
            "Restores the version of a preset that was last replaced or deleted. The present "
            "version, if any, is kept: "
            "a second call brings it back. The newest 10 of each name are kept. The picture on "
            "screen does not change.",
            _CHANGED,
        ),
        _command(
            "rename",
            "Renames a preset, with its picture; cues and pads that name it follow.",
            _CHANGED,
            "/cue/changed <count>, to every subscriber, if cues load it",
            spec="name:s new:s",
        ),
        Command(
            address="/preset/current",
            description="Returns the current preset (the one last loaded or saved by any client), "
            "and 1 if a value has "
            'been changed since; the name is "" if there is none. Subscribers get each change.',
            replies=(
                "/preset/current <name> <edited>",
                "/preset/prepared <name>",
                "/done /preset/current",
            ),
        ),
        Command(
            address="/preset/list",
            description="Lists the names of all presets, the current one, the prepared one, and "
            "those with a shader "
            "that is missing, refused, or was bypassed as too slow in this run. Subscribers get a "
            "fault when it comes, "
            'and with "" when it has ended.',
            replies=(
                "/preset/current <name> <edited>",
                "/preset/prepared <name>",
                "/preset/name <name>, one message per preset",
                "/preset/fault <name> <reason>, one message per preset that has one",
                "/done /preset/list",
            ),
        ),
    ),
    messages=(
        message(
            "/preset/current",
            "name:s edited:i",
            "The current preset, and 1 once a value has been changed since.",
        ),
        message("/preset/prepared", "name:s", "The prepared preset; empty: none."),
        message("/preset/changed", "name:s", "This preset was saved, deleted, renamed or edited."),
        message("/preset/replaced", "name:s", "It was saved in place of another, which is kept."),
        message(
            "/preset/fault",
            "name:s reason:s",
            "Why its shader cannot be shown; empty: it can again.",
        ),
    ),
)
