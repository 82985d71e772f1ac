"""Replacement for CPython's `_winapi`: Windows' named pipes with their quotas.

`installed(monkeypatch)` replaces `_winapi`, and adds CPython's PipeConnection, which Lib/multiprocessing/connection.py
defines only on Windows, on top of it. Both ends are in this process.

It follows Microsoft's documentation of CreateNamedPipe and of overlapped operations: a write completes immediately if
its message fits into the free part of the buffer, else when the message has been read; a message is read in parts if
the given buffer is shorter (ERROR_MORE_DATA); a read of zero bytes consumes nothing and shows that a message is
available.
"""

import importlib.util
import itertools
import multiprocessing.connection
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

SUCCESS, BROKEN_PIPE, NO_DATA, MORE_DATA, ABORTED, PENDING, NOT_FOUND = 0, 109, 232, 234, 995, 997, 1168
INVALID_HANDLE = 6


def windows_error(code: int) -> OSError:
    """OSError as Windows has it, with `winerror`."""
    error = (BrokenPipeError if code in (BROKEN_PIPE, NO_DATA) else OSError)(22, f"Windows error {code}")
    error.winerror = code  # type: ignore[attr-defined, union-attr]
    return error


class Overlapped:
    """An operation, finished or pending. WaitForMultipleObjects waits for `event`."""

    _events = itertools.count(0x10000)

    def __init__(self, api: "FakeWinapi", size: int = 0) -> None:
        self.event = next(self._events)
        self.error = PENDING
        self.data: bytes = b""
        self.size = size
        self.transferred = 0
        self._api = api
        api.operations[self.event] = self

    def done(self, error: int, data: bytes = b"", transferred: int | None = None) -> None:
        self.error, self.data = error, data
        self.transferred = len(data) if transferred is None else transferred
        self._api.changed.notify_all()

    def cancel(self) -> None:
        with self._api.changed:
            self._api.cancelled.append(self)
            if self.error == PENDING:
                for end in self._api.ends.values():
                    end.forget(self)
                self.done(ABORTED)

    def GetOverlappedResult(self, wait: bool) -> tuple[int, int]:
        with self._api.changed:
            assert not wait or self._api.changed.wait_for(lambda: self.error != PENDING, 5.0), "waits for ever"
        if self.error not in (SUCCESS, MORE_DATA, ABORTED):
            raise windows_error(self.error)
        return self.transferred, self.error

    def getbuffer(self) -> bytes:
        return self.data


@dataclass(eq=False)
class Message:
    left: bytes
    length: int
    write: Overlapped | None
    """The pending write of a message that did not fit; None if it did."""


@dataclass(eq=False)
class End:
    """One end of a pipe, with its unread messages."""

    quota: int
    other: "End | None" = None
    inbox: deque[Message] = field(default_factory=deque)
    reads: deque[Overlapped] = field(default_factory=deque)

    def forget(self, operation: Overlapped) -> None:
        if operation in self.reads:
            self.reads.remove(operation)
        for message in [message for message in self.inbox if message.write is operation]:
            self.inbox.remove(message)

    def serve(self) -> None:
        while self.reads:
            read = self.reads[0]
            if not self.inbox:
                if self.other is None:
                    self.reads.popleft().done(BROKEN_PIPE)
                    continue
                return
            self.reads.popleft()
            message = self.inbox[0]
            data, message.left = message.left[: read.size], message.left[read.size :]
            if message.left:
                read.done(MORE_DATA, data)
                continue
            self.inbox.popleft()
            read.done(SUCCESS, data)
            if message.write is not None:
                message.write.done(SUCCESS, transferred=message.length)


class FakeWinapi(ModuleType):
    """A fake `_winapi` with the functions and constants that are needed here; others raise AttributeError."""

    NULL = 0
    INFINITE = 0xFFFFFFFF
    WAIT_OBJECT_0, WAIT_ABANDONED_0, WAIT_TIMEOUT = 0, 0x80, 258
    ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_MORE_DATA = BROKEN_PIPE, NO_DATA, MORE_DATA
    ERROR_OPERATION_ABORTED, ERROR_IO_PENDING, ERROR_NETNAME_DELETED = ABORTED, PENDING, 64
    PIPE_ACCESS_DUPLEX, PIPE_ACCESS_INBOUND = 3, 1
    FILE_FLAG_OVERLAPPED, FILE_FLAG_FIRST_PIPE_INSTANCE = 0x40000000, 0x80000
    PIPE_TYPE_MESSAGE, PIPE_READMODE_MESSAGE, PIPE_WAIT = 4, 2, 0
    NMPWAIT_WAIT_FOREVER = 0xFFFFFFFF
    GENERIC_READ, GENERIC_WRITE, OPEN_EXISTING = 0x80000000, 0x40000000, 3

    def __init__(self) -> None:
        super().__init__("_winapi")
        self.changed = threading.Condition()
        self.ends: dict[int, End] = {}
        self.names: dict[str, int] = {}
        self.operations: dict[int, Overlapped] = {}
        self.cancelled: list[Overlapped] = []
        self.timeouts_ms: list[int] = []
        """Timeouts of the waits for a write that ended before the write."""
        self._handles = itertools.count(0x200, 4)

    def CreateNamedPipe(self, name: str, mode: int, kind: int, instances: int, out: int, into: int, *_: int) -> int:
        assert mode & self.FILE_FLAG_OVERLAPPED and kind & self.PIPE_TYPE_MESSAGE and kind & self.PIPE_READMODE_MESSAGE
        assert name not in self.names and instances == 1
        self.names[name] = handle = next(self._handles)
        self.ends[handle] = End(quota=into)
        self.ends[handle].other = End(quota=out)
        return handle

    def CreateFile(self, name: str, access: int, share_mode: int, security: int, how: int, flags: int, _: int) -> int:
        assert flags & self.FILE_FLAG_OVERLAPPED and how == self.OPEN_EXISTING
        first = self.ends[self.names[name]]
        handle = next(self._handles)
        assert first.other is not None
        self.ends[handle] = first.other
        first.other.other = first
        return handle

    def SetNamedPipeHandleState(self, handle: int, mode: int, *_: Any) -> None:
        assert mode == self.PIPE_READMODE_MESSAGE and handle in self.ends

    def ConnectNamedPipe(self, handle: int, overlapped: bool) -> Overlapped:
        with self.changed:
            operation = Overlapped(self)
            operation.done(SUCCESS)
        return operation

    def CloseHandle(self, handle: int) -> None:
        with self.changed:
            end = self.ends.pop(handle)
            for message in end.inbox:
                if message.write is not None:
                    message.write.done(BROKEN_PIPE)
            if end.other is not None:
                end.other.other = None
                end.other.serve()

    def WriteFile(self, handle: int, data: bytes, overlapped: bool = False) -> tuple[Overlapped, int]:
        assert overlapped
        with self.changed:
            reader = self._end(handle).other
            if reader is None:
                raise windows_error(NO_DATA)
            operation = Overlapped(self)
            used = sum(len(message.left) for message in reader.inbox)
            has_room = len(data) <= reader.quota - used
            reader.inbox.append(Message(bytes(data), len(data), None if has_room else operation))
            if has_room:
                operation.done(SUCCESS, transferred=len(data))
            reader.serve()
            return operation, operation.error

    def ReadFile(self, handle: int, size: int, overlapped: bool = False) -> tuple[Overlapped, int]:
        assert overlapped
        with self.changed:
            end = self._end(handle)
            operation = Overlapped(self, size)
            end.reads.append(operation)
            end.serve()
            if operation.error == BROKEN_PIPE:
                raise windows_error(BROKEN_PIPE)
            return operation, operation.error

    def PeekNamedPipe(self, handle: int, size: int = 0) -> tuple[int, int]:
        """Number of readable bytes, and the remaining bytes of the first message."""
        with self.changed:
            end = self._end(handle)
            if end.other is None and not end.inbox:
                raise windows_error(BROKEN_PIPE)
            return sum(len(message.left) for message in end.inbox), len(end.inbox[0].left) if end.inbox else 0

    def WaitForMultipleObjects(self, events: list[int], wait_all: bool, timeout_ms: int) -> int:
        assert not wait_all

        def first_done() -> int | None:
            done = (i for i, event in enumerate(events) if self.operations[event].error != PENDING)
            return next(done, None)

        with self.changed:
            # A write whose reader is this thread would wait forever: fail at once.
            patience_s = 5.0 if timeout_ms == self.INFINITE else min(timeout_ms / 1000, 0.02)
            if self.changed.wait_for(lambda: first_done() is not None, patience_s):
                return self.WAIT_OBJECT_0 + (first_done() or 0)
        assert timeout_ms != self.INFINITE, "this wait would never end"
        self.timeouts_ms.append(timeout_ms)
        return self.WAIT_TIMEOUT

    def _end(self, handle: int) -> End:
        if handle not in self.ends:
            raise windows_error(INVALID_HANDLE)
        return self.ends[handle]


def installed(monkeypatch: pytest.MonkeyPatch) -> FakeWinapi:
    """Set `sys.platform` to win32, `_winapi` to this object, and PipeConnection to CPython's."""
    api = FakeWinapi()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "getwindowsversion", lambda: (10, 0), raising=False)
    monkeypatch.setitem(sys.modules, "_winapi", api)
    sockets = importlib.import_module("_multiprocessing")
    for name in ("closesocket", "send", "recv"):
        monkeypatch.setattr(sockets, name, None, raising=False)
    spec = importlib.util.spec_from_file_location(
        "multiprocessing._connection_of_windows", multiprocessing.connection.__file__
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(multiprocessing.connection, "PipeConnection", module.PipeConnection, raising=False)
    return api
