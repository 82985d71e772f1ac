"""The answer of a command that fades to a look."""

from engine.control import Reply
from engine.osc.encode import ReplyValue
from engine.params.crossfade import Ended


def answer(reply: Reply, *values: ReplyValue) -> Ended:
    """An `ended` callback that answers `/done` after a fade, or `/fail` if the fade was
    superseded."""

    def ended(superseded_by: str) -> None:
        if superseded_by:
            reply.fail(f"superseded by {superseded_by}", is_logged=False)
        else:
            reply.done(*values)

    return ended
