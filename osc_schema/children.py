"""Child processes: commands to start, stop and restart them. How they are is told by /engine/status."""

from osc_schema.types import Area, Command

NAMES = ("sd", "sam3", "rvc")
MAX_WAITING = 16
"""Commands of one verb that may wait for the same child."""
_VERBS = {
    "start": "Starts it, also after it has failed; what was in quarantine is tried again.",
    "stop": "Ends it; its last picture or masks stay, or what its fallback says (/sd/fallback, /sam3/fallback, "
    "/rvc/fallback).",
    "restart": "Ends it and starts it anew.",
}


def _command(name: str, verb: str) -> Command:
    address = f"/child/{name}/{verb}"
    return Command(
        address=address,
        description=_VERBS[verb],
        replies=(f"/done {address}", f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Child processes",
    description="Inference runs in processes of its own, which may hang, run out of memory or die: the picture goes "
    "on, and they are started again. `/engine/status` tells state, process id, restarts and the last fault. A command "
    "is answered when it has happened, a start or restart once the child is ready: while it dies again and again, it "
    "is tried again and again and the answer waits, until it is ready or has failed for good (`/fail` with its last "
    "fault). A later command that wants the opposite is the end of those that wait (`/fail`, `superseded by "
    f"/child/sd/stop`). Of each command {MAX_WAITING} may wait; more are refused at once.",
    commands=tuple(_command(name, verb) for name in NAMES for verb in _VERBS),
)
