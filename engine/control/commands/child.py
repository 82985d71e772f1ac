"""The commands `/child/<name>/start`, `stop` and `restart`, and those that a child executes itself.
They are answered when they have succeeded or failed, however long that takes.

A pending `start` waits while a child that crashes is restarted. It is answered when the child is
ready, when it has failed for good, or when a later command requests the opposite.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.control import CommandTable, Reply
from engine.system.daemon_worker import call_on_thread
from osc_schema.children import MAX_WAITING

Entries = Callable[[], Iterable[tuple[str, str, bool]]]
"""Returns (entry, title, True if it is in use) of all that can be chosen. Reads the disk."""
OPPOSITES: Final = {"start": ("stop",), "restart": ("stop",), "stop": ("start", "restart")}


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    verb: str
    order: int
    """The supervisor's number of this order. An earlier status says nothing about this request."""
    reply: Reply

    def is_done(self, status: ChildStatus) -> bool:
        return status.state == "off" if self.verb == "stop" else status.is_at_work

    def has_failed(self, status: ChildStatus) -> bool:
        """True if it can no longer succeed. A stop fails too if the process is stuck."""
        return status.state == "failed" or (self.verb != "stop" and status.state == "off")


class ChildControl:
    """The commands of child processes. They run on OSC's threads; answers come from the
    supervisors' threads."""

    def __init__(
        self,
        supervisors: Mapping[str, Supervisor],
        missing: Mapping[str, str],
        notice: Callable[[str], None],
        calls: Mapping[str, tuple[str, str]],
        lists: Mapping[str, Entries] = MappingProxyType({}),
    ) -> None:
        """`missing`: for every child's name, why its commands fail if this run does not have it.
        `notice(line)` is called when a child is ready again. `calls`: command -> (child, call), for
        commands that a child executes. `lists`: AT -> the entries of AT/list."""
        self._lists = lists
        self._supervisors = supervisors
        self._missing = missing
        self._notice = notice
        self._calls = calls
        self._away = set(supervisors)
        self._pids: dict[str, int] = {}
        self._requests: dict[str, list[_Request]] = {name: [] for name in supervisors}
        self._lock = threading.Lock()
        for name, supervisor in supervisors.items():
            supervisor.subscribe(partial(self._on_change, name))

    def add_commands(self, table: CommandTable) -> None:
        for name in self._missing:
            for verb in OPPOSITES:
                table.add(f"/child/{name}/{verb}", partial(self._on_command, name, verb))
        for address, (name, call) in self._calls.items():
            table.add(address, partial(self._on_call, name, call))
        for at, entries in self._lists.items():
            table.add(f"{at}/list", partial(self._on_list, at, entries), is_listing=True)

    def _on_list(self, at: str, entries: Entries, reply: Reply) -> None:
        def send_entries() -> None:
            for entry, title, is_on in entries():
                reply.send(f"{at}/entry", entry, title, int(is_on))
            reply.done()

        call_on_thread(f"{at.split('/')[1]} list", reply.attempt, send_entries)

    def _on_command(self, name: str, verb: str, reply: Reply) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            reply.fail(self._missing[name])
            return
        with self._lock:
            waiting = self._requests[name]
            if sum(request.verb == verb for request in waiting) == MAX_WAITING:
                reply.fail(f"{MAX_WAITING} of the same command are already waiting")
                return
            superseded = [request for request in waiting if request.verb in OPPOSITES[verb]]
            order = getattr(supervisor, verb)()
            remaining = [request for request in waiting if request not in superseded]
            self._requests[name] = [*remaining, _Request(verb, order, reply)]
        for request in superseded:
            request.reply.fail(f"superseded by {reply.command}", is_logged=False)

    def _on_call(self, name: str, call: str, reply: Reply) -> None:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            reply.fail(self._missing[name])
        else:
            supervisor.call(
                call, on_answer=lambda is_done, text: (reply.done if is_done else reply.fail)(text)
            )

    def _on_change(self, name: str, status: ChildStatus) -> None:
        self._report_return(name, status)
        orders_done = self._supervisors[name].orders_done
        with self._lock:
            current = [request for request in self._requests[name] if request.order <= orders_done]
            done = [request for request in current if request.is_done(status)]
            failed = [request for request in current if request.has_failed(status)]
            self._requests[name] = [
                request
                for request in self._requests[name]
                if request not in done and request not in failed
            ]
        for request in done:
            request.reply.done()
        for request in failed:
            request.reply.fail(
                status.detail or f"{name} is {status.state}", is_logged=not status.detail
            )

    def _report_return(self, name: str, status: ChildStatus) -> None:
        """Log that a child is ready (again) or that another process has taken over; the supervisor
        reports faults."""
        if status.is_away:
            self._away.add(name)
        elif status.is_at_work and name in self._away:
            self._away.remove(name)
            self._notice(f"{name}: ready (process {status.pid})")
        elif status.is_at_work and status.pid != self._pids.get(name):
            self._notice(f"{name}: process {status.pid} has taken over")
        if status.is_at_work:
            self._pids[name] = status.pid
