"""`/child/<name>/start`, `stop`, `restart`: answered when it has happened, however long that takes.

A child that dies again and again is tried again and again, and a start waits all the while: it may yet succeed. What
ends the waiting is that the child is ready, that it has failed for good, or a later command that wants the opposite.

Besides, the commands that a child carries out itself.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.control import CommandTable, Reply
from osc_schema.children import MAX_WAITING

NO_CALLS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({})
OPPOSITES: Final = {"start": ("stop",), "restart": ("stop",), "stop": ("start", "restart")}


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    verb: str
    order: int
    """Its number for the supervisor: what was before it was carried out tells nothing."""
    reply: Reply

    def is_granted(self, status: ChildStatus) -> bool:
        return status.state == "off" if self.verb == "stop" else status.is_at_work

    def is_refused(self, status: ChildStatus) -> bool:
        """Failed: for a stop, too, because then a process is stuck."""
        return status.state == "failed" or (self.verb != "stop" and status.state == "off")


class ChildControl:
    """Commands come on OSC's threads, answers leave from the supervisors'."""

    def __init__(
        self,
        supervisors: Mapping[str, Supervisor],
        missing: Mapping[str, str],
        tell: Callable[[str], None],
        calls: Mapping[str, tuple[str, str]] = NO_CALLS,
    ) -> None:
        """`missing`: every child's name, and why a command fails that a run without this child gets. `tell(line)` is
        told when a child is back. `calls`: command -> (child, call) of the commands that a child carries out."""
        self._supervisors = supervisors
        self._missing = missing
        self._tell = tell
        self._calls = calls
        self._away = set(supervisors)
        self._pids: dict[str, int] = {}
        self._wishes: dict[str, list[_Wish]] = {name: [] for name in supervisors}
        self._lock = threading.Lock()
        for name, supervisor in supervisors.items():
            supervisor.subscribe(partial(self._on_change, name))

    def add_commands(self, table: CommandTable) -> None:
        for name in self._missing:
            for verb in OPPOSITES:
                table.add(f"/child/{name}/{verb}", partial(self._on_command, name, verb))
        for address, (name, call) in self._calls.items():
            table.add(address, partial(self._on_call, name, call))

    def _on_command(self, name: str, verb: str, args: tuple, reply: Reply) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            reply.fail(self._missing[name])
            return
        with self._lock:
            waiting = self._wishes[name]
            if sum(wish.verb == verb for wish in waiting) == MAX_WAITING:
                reply.fail(f"{MAX_WAITING} of the same wait already")
                return
            superseded = [wish for wish in waiting if wish.verb in OPPOSITES[verb]]
            order = getattr(supervisor, verb)()
            kept = [wish for wish in waiting if wish not in superseded]
            self._wishes[name] = [*kept, _Wish(verb, order, reply)]
        for wish in superseded:
            wish.reply.fail(f"superseded by {reply.command}", is_logged=False)

    def _on_call(self, name: str, call: str, args: tuple, reply: Reply) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            reply.fail(self._missing[name])
            return

        def answer(is_done: bool, text: str) -> None:
            if is_done:
                reply.done(text)
            else:
                reply.fail(text)

        supervisor.call(call, on_answer=answer)

    def _on_change(self, name: str, status: ChildStatus) -> None:
        self._tell_return(name, status)
        orders_done = self._supervisors[name].orders_done
        with self._lock:
            judged = [wish for wish in self._wishes[name] if wish.order <= orders_done]
            granted = [wish for wish in judged if wish.is_granted(status)]
            refused = [wish for wish in judged if wish.is_refused(status)]
            self._wishes[name] = [wish for wish in self._wishes[name] if wish not in granted and wish not in refused]
        for wish in granted:
            wish.reply.done()
        for wish in refused:
            wish.reply.fail(status.detail or f"it is {status.state}", is_logged=not status.detail)

    def _tell_return(self, name: str, status: ChildStatus) -> None:
        """Its faults are reported by the supervisor; that it is ready, for the first time or again, or that another
        process has taken its place, is said here."""
        if status.is_away:
            self._away.add(name)
        elif status.is_at_work and name in self._away:
            self._away.remove(name)
            self._tell(f"{name}: ready (process {status.pid})")
        elif status.is_at_work and status.pid != self._pids.get(name):
            self._tell(f"{name}: process {status.pid} has taken over")
        if status.is_at_work:
            self._pids[name] = status.pid
