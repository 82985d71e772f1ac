"""`/child/<name>/start`, `stop`, `restart`: answered once it has happened, however long that takes.

A child that keeps dying is restarted again and again, and a start waits all the while, because it may still succeed.
The waiting ends when the child is ready, when it has failed for good, or with a later command that wants the opposite.

Also the commands that a child carries out itself.
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
    """The supervisor's number of this order. A status from before it says nothing about this wish."""
    reply: Reply

    def is_granted(self, status: ChildStatus) -> bool:
        return status.state == "off" if self.verb == "stop" else status.is_at_work

    def is_refused(self, status: ChildStatus) -> bool:
        """True if it cannot happen any more. A stop fails too, if the process is stuck."""
        return status.state == "failed" or (self.verb != "stop" and status.state == "off")


class ChildControl:
    """Commands come on OSC's threads, answers leave on the supervisors' threads."""

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

    def _on_command(self, name: str, verb: str, args: tuple[object, ...], reply: Reply) -> None:
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

    def _on_call(self, name: str, call: str, args: tuple[object, ...], reply: Reply) -> None:
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
        """Say that a child is ready, for the first time or again, or that another process has taken over. Faults are
        reported by the supervisor."""
        if status.is_away:
            self._away.add(name)
        elif status.is_at_work and name in self._away:
            self._away.remove(name)
            self._tell(f"{name}: ready (process {status.pid})")
        elif status.is_at_work and status.pid != self._pids.get(name):
            self._tell(f"{name}: process {status.pid} has taken over")
        if status.is_at_work:
            self._pids[name] = status.pid
