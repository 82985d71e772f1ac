"""Processes that infer beside the engine, and may hang, die or be replaced without a picture being late.

echo.py           the smallest child: TO ADD A CHILD, COPY THIS
port.py           what a child's loop sees of the engine
supervisor.py     START HERE for the engine's side; lifecycle.py has the states, policy.py decides about the dead
process.py        one process: pipe, words, rings; messages.py the messages; published.py what readers see
launcher.py       how processes come and go: forked.py with fork_server.py (Linux), spawned.py (elsewhere)
child_main.py     what a child process runs; mailbox.py its thread
The models that play along (Stable Diffusion, SAM3, a voice) are in engine/live.
"""

from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
