"""The arguments of commands about presets, and their answer after a fade."""

from engine.control import Args, Reply
from engine.errors import PresetError
from engine.osc.encode import ReplyValue
from engine.params.crossfade import Ended
from engine.params.fade_time import AT_ONCE, FadeTime


def preset_name(args: Args) -> str:
    """The argument of a command that takes only a preset's name. Raises PresetError for anything
    else.

    A shell and most patches send the name 2 as an int."""
    if len(args) != 1 or not isinstance(args[0], str | int) or isinstance(args[0], bool):
        raise PresetError("takes the preset's name")
    return str(args[0])


def name_and_time(args: Args) -> tuple[str, FadeTime]:
    """The arguments of a command that fades to a preset. Raises PresetError."""
    if len(args) > 2:
        raise PresetError(
            "takes the preset's name and optionally a time, then now, beat, bar or 4_bars"
        )
    return preset_name(args[:1]), time_of(args[1]) if len(args) > 1 else AT_ONCE


def time_of(value: object) -> FadeTime:
    """Parse the fade time of a command, as `FadeTime.of` does. Raises PresetError."""
    try:
        return FadeTime.of(value)
    except ValueError as reason:
        raise PresetError(f"takes a time: {value!r} {reason}") from None


def is_release(args: Args, then: str = "") -> bool:
    """True if a button sends 0, its release; another number presses it, as does no argument. Raises
    PresetError for anything else, such as a misspelt beat to wait for; `then`: what may follow."""
    if len(args) > 1 or any(not isinstance(each, int | float) for each in args):
        raise PresetError(f"takes 1 for pressed or 0 for released, or nothing{then}")
    return args == (0,)


def answer(reply: Reply, *values: ReplyValue) -> Ended:
    """An `ended` callback that answers `/done` after a fade, or `/fail` if the fade was
    superseded."""

    def ended(superseded_by: str) -> None:
        if superseded_by:
            reply.fail(f"superseded by {superseded_by}", is_logged=False)
        else:
            reply.done(*values)

    return ended
