"""Commands that start, stop and restart the child processes. Their state is in /engine/status."""

from osc_schema.declare import BUTTON, arguments
from osc_schema.live_models import AREAS, NAMES
from osc_schema.types import Area, Command

MAX_WAITING = 16
"""Limit of waiting commands of one verb per child."""
_FALLBACKS = [
    param.address for area in AREAS for param in area.params if param.address.endswith("/fallback")
]
_VERBS = {
    "start": "Starts the process, even after it has failed for good; values in quarantine are "
    "tried again.",
    "stop": "Stops the process; what is shown or heard then is set by its fallback "
    f"({', '.join(_FALLBACKS)}).",
    "restart": "Stops the process and starts it again.",
}


def _command(name: str, verb: str) -> Command:
    address = f"/child/{name}/{verb}"
    return Command(
        address=address,
        arguments=arguments(BUTTON),
        description=_VERBS[verb],
        replies=(f"/done {address}", f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Child processes",
    description="AI models run in child processes. If one hangs, runs out of memory or crashes, "
    "the picture continues "
    "and the process is restarted. `/engine/status` shows state, process id, restarts and the "
    "last fault. A command is "
    "answered when it is done, a start or restart when the child is ready. While the child keeps "
    "crashing and is "
    "retried, the answer waits until it is ready or has failed for good (`/fail` with its last "
    "fault). A later "
    f"opposite command cancels waiting ones (`/fail`, `superseded by /child/{NAMES[0]}/stop`). At "
    "most "
    f"{MAX_WAITING} of each command may wait; more are refused at once.",
    commands=tuple(_command(name, verb) for name in NAMES for verb in _VERBS),
)
