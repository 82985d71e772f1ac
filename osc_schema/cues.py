"""Commands of the cue list. It is stored in `cues.toml`, which people can read and edit."""

from osc_schema.declare import arguments, message, number
from osc_schema.launch import QUANTISE
from osc_schema.types import Area, Command

MAX_FADE_S = 3600.0
MAX_NUMBER = 999
_NUMBER = f"number:i[1..{MAX_NUMBER}]"
_CUE = f"{_NUMBER} preset:s fade:time=0 follow:time=0 glide:switch=0 timecode:s? keep:s?"


def _go(address: str, description: str) -> Command:
    return Command(
        address=address,
        arguments=arguments(f"pressed:press? {QUANTISE}"),
        description=f"{description} Answered when the fade is complete, or with `superseded by "
        "...`. 0 (a button "
        "released) does nothing. Waits for /launch/quantise, or for the beat or bar named at its "
        "end.",
        replies=(
            "/cue/current <number> <preset>, to every subscriber, when it starts",
            "/cue/failed <number> <preset> <reason>, to every subscriber, when it fails",
            f"/done {address} <number> <preset>",
            f"/fail {address} <reason>",
        ),
    )


def _edit(verb: str, spec: str, description: str) -> Command:
    address = f"/cue/{verb}"
    return Command(
        address=address,
        arguments=arguments(spec),
        description=description,
        replies=(
            "/cue/changed <count>, to every subscriber",
            f"/done {address} <number>",
            f"/fail {address} <reason>",
        ),
    )


AREA = Area(
    title="Cues",
    description="A list of presets in the order of the show, numbered 1..999; deleting a cue does "
    "not renumber the "
    "others. `fade` is the fade time; `follow` is the time from the start of a cue to the "
    "automatic start of the "
    f"next one (0: waits for go). Both are 0..{MAX_FADE_S:g} s, or a text in beats or bars "
    "(`4b`, `2bars`); 0 if left out. The picture fades, as with "
    "/preset/load; with `glide` 1 the values glide, as with /preset/glide. With `keep` layer5 "
    "every /layer/5/ value "
    "stays as it is. Panic cancels a cue that would "
    "follow. A cue with a timecode starts when `/timecode` reaches it, once; a jump of more than "
    "a second recalls the "
    "last cue before the new position, with what is left of its fade, and running backward starts "
    "nothing. A cue fails "
    "if its preset is missing: the look stays as it is, the failed cue counts as the current one, "
    "so the next go continues after it, and its follow time still runs. Naming a preset that does "
    "not exist yet gives "
    "a warning only.",
    params=(
        number(
            "/cue/go_pause_s",
            0.3,
            0,
            10,
            "Shortest time between two gos: one that comes sooner after another, or after a cue "
            "that followed by "
            "itself, is ignored. 0: none is.",
            "s",
            smoothing_ms=0,
            tags="double second press bounce debounce minimum accident",
            stored=False,
            is_look=False,
        ),
    ),
    commands=(
        _go("/cue/go", "Starts the cue after the last one started; at first, the first cue."),
        _go("/cue/back", "Starts the cue before the last one started."),
        _go("/cue/<n>", "Starts cue n."),
        _edit(
            "set",
            _CUE,
            "Adds a cue, or changes the one with that number; without a timecode or `keep` it "
            "keeps what it has; "
            "its note stays.",
        ),
        _edit(
            "timecode",
            f"{_NUMBER} timecode:s",
            "Sets the timecode hh:mm:ss:ff at which a cue starts; `now` takes the current one, an "
            "empty text removes "
            "it.",
        ),
        _edit(
            "note",
            f"{_NUMBER} note:s",
            "Sets what the player reads before a cue: one line, at most 200 characters; an empty "
            "text removes it.",
        ),
        _edit(
            "insert",
            _CUE,
            "Inserts a cue; if the number is taken, that cue and those right after it move up.",
        ),
        _edit("delete", _NUMBER, "Deletes a cue."),
        Command(
            address="/cue/list",
            description="Lists all cues in order, the cue whose look is on screen, and the last "
            "one started if it "
            "failed.",
            replies=(
                "/cue/entry <number> <preset> <fade> <follow> <glide> [timecode [keep [note]]], "
                "one message per cue",
                "/cue/current <number> <preset>, if one was started",
                "/cue/failed <number> <preset> <reason>, if the last one failed",
                "/done /cue/list",
                "/fail /cue/list <reason>",
            ),
        ),
    ),
    messages=(
        message("/cue/current", "number:i preset:s", "A cue has started."),
        message("/cue/failed", "number:i preset:s reason:s", "A cue could not be started."),
        message("/cue/changed", "count:i", "The list has changed."),
    ),
)
