"""Commands that start, stop and restart the child processes. Their state is in /engine/status."""

from osc_schema.live_models import NAMES
from osc_schema.types import Area, Command

MAX_WAITING = 16
"""Limit of waiting commands of one verb per child."""
_VERBS = {
    "start": "Starts the process, also after it has failed; values in quarantine are tried again.",
    "stop": "Stops the process; its last picture or masks stay, or its fallback takes over "
    f"({', '.join(f'/{name}/fallback' for name in NAMES)}).",
    "restart": "Stops the process and starts it again.",
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
    description="Inference runs in child processes. They may hang, run out of memory or crash: the picture goes on "
    "and they are restarted. `/engine/status` shows state, process id, restarts and the last fault. A command is "
    "answered when it is done; a start or restart when the child is ready. If the child keeps crashing, it is retried "
    "and the answer waits until the child is ready or has failed for good (`/fail` with its last fault). A later "
    f"command for the opposite ends those that wait (`/fail`, `superseded by /child/{NAMES[0]}/stop`). Up to "
    f"{MAX_WAITING} of each command may wait; more are refused at once.",
    commands=tuple(_command(name, verb) for name in NAMES for verb in _VERBS),
)
