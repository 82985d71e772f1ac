"""`/child/<name>/start`, `stop`, `restart`: answered when it has happened, however long that takes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.control import CommandTable, Reply
from osc_schema.children import NAMES


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    verb: str
    pid: int
    """Of the child when it was asked; 0 for none."""
    reply: Reply

    def is_granted(self, status: ChildStatus) -> bool:
        if self.verb == "stop":
            return status.state == "off"
        return status.is_at_work and (self.verb == "start" or status.pid != self.pid)

    def is_refused(self, status: ChildStatus) -> bool:
        return self.verb != "stop" and status.state in ("off", "failed")


class ChildControl:
    """Commands come on OSC's threads, answers leave from the supervisors'."""

    def __init__(self, supervisors: Mapping[str, Supervisor], missing: Mapping[str, str]) -> None:
        """`missing`: why a child that is not among `supervisors` cannot be had."""
        self._supervisors = supervisors
        self._missing = missing
        self._wishes: dict[str, list[_Wish]] = {name: [] for name in supervisors}
        self._lock = threading.Lock()
        for name, supervisor in supervisors.items():
            supervisor.on_change = partial(self._on_change, name)

    def add_commands(self, table: CommandTable) -> None:
        for name in NAMES:
            for verb in ("start", "stop", "restart"):
                table.add(f"/child/{name}/{verb}", partial(self._on_command, name, verb))

    def _on_command(self, name: str, verb: str, args: tuple, reply: Reply) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            reply.fail(self._missing[name])
            return
        status = supervisor.status()
        wish = _Wish(verb, status.pid, reply)
        if wish.is_granted(status):
            reply.done()
            return
        with self._lock:
            self._wishes[name].append(wish)
        getattr(supervisor, verb)()

    def _on_change(self, name: str, status: ChildStatus) -> None:
        with self._lock:
            granted = [wish for wish in self._wishes[name] if wish.is_granted(status)]
            refused = [wish for wish in self._wishes[name] if wish.is_refused(status)]
            self._wishes[name] = [wish for wish in self._wishes[name] if wish not in granted and wish not in refused]
        for wish in granted:
            wish.reply.done()
        for wish in refused:
            wish.reply.fail(status.detail or f"it is {status.state}")
