"""Child processes: models run in them, so that one that hangs, dies or is replaced never makes a frame late.

port.py           the engine as a child's loop sees it: TO ADD A CHILD, READ THIS
supervisor.py     START HERE for the engine's side; lifecycle.py: the states; policy.py: hangs, restarts, quarantine
process.py        one process: pipe, words, rings, the outputs for readers; messages.py: its messages
launcher.py       starts processes; forked.py with fork_server.py: on Linux
child_main.py     main function of a child process; mailbox.py: its second thread
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.children.policy import Deadlines
    from engine.children.port import ChildPort
    from engine.children.spec import ChildSpec, ChildStatus
    from engine.children.supervisor import Supervisor

_MODULES = {
    "ChildPort": "port",
    "ChildSpec": "spec",
    "ChildStatus": "spec",
    "Deadlines": "policy",
    "Supervisor": "supervisor",
}

__all__ = ["ChildPort", "ChildSpec", "ChildStatus", "Deadlines", "Supervisor"]
__getattr__ = lazy_names(__name__, _MODULES)
