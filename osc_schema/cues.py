"""Cues: commands only. The list is kept in `cues.toml`, which a person can read and edit."""

from osc_schema.declare import arguments
from osc_schema.types import Area, Command

MAX_FADE_S = MAX_FOLLOW_S = 3600.0
_CUE = "number:i preset:s fade_s:f? follow_s:f? glide:i?"


def _go(address: str, description: str) -> Command:
    return Command(
        address=address,
        arguments=arguments("pressed:i?"),
        description=f"{description} Answered when the fade has arrived, or with `superseded by ...`; 0, a button let "
        "go, does nothing.",
        replies=(
            "/cue/current <number> <preset>, to every subscriber, when it begins",
            "/cue/failed <number> <preset> <reason>, to every subscriber, when it cannot",
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
    description="A list of presets in the order of the show, numbered 1..999; a number stays what it is when another "
    "cue is deleted. `fade_s` is how long the change takes, `follow_s` how long after its beginning the next cue goes "
    f"by itself (0: it waits for go), both 0..{MAX_FADE_S:g} s and 0 when left out. The picture fades, as with "
    "/preset/load; with `glide` 1 the values glide, as with /preset/glide. Panic stops a cue that was to "
    "follow. A cue whose preset is missing fails, and the show stays as it is; the list stands on it then, so that the "
    "next go goes on behind it, and what was to follow it follows. A cue may name a preset that is not there yet: that "
    "is a warning.",
    commands=(
        _go("/cue/go", "The next cue: the one after the cue that went last, at first the first."),
        _go("/cue/back", "The cue before the one that went last."),
        _go("/cue/<n>", "Cue n."),
        _edit("set", _CUE, "Makes a cue, or makes another of it."),
        _edit("insert", _CUE, "Makes a cue; where the number is taken, that cue and those right behind it move up."),
        _edit("delete", "number:i", "Deletes a cue."),
        Command(
            address="/cue/list",
            description="Asks for all cues, in order, and for the one whose look is on; where the one that went last "
            "has failed, for that one too.",
            replies=(
                "/cue/entry <number> <preset> <fade_s> <follow_s> <glide>, one message a cue",
                "/cue/current <number> <preset>, where one has gone",
                "/cue/failed <number> <preset> <reason>, where the list stands on one that failed",
                "/done /cue/list",
                "/fail /cue/list <reason>",
            ),
        ),
    ),
)
