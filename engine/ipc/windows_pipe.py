"""Message pipes of Windows that have room, and are written with a time limit.

Problem: `multiprocessing.Pipe` makes pipes of 8 KiB, and its `send_bytes` waits for ever where a message does not fit
and nobody reads (BUFSIZE, and WaitForMultipleObjects with INFINITE, in CPython's Lib/multiprocessing/connection.py). A
child is told more than that before its interpreter runs, so the thread that supervises it would stand still until
then; and for good where the child is stopped, which is just what that thread must notice.

So the pipe gets the size that the messages need: a write is done at once while the buffer has room (Microsoft's
documentation of CreateNamedPipe, nOutBufferSize). A write that finds no room waits as long as the caller says. After
that it is not cancelled. The pipe has shown the reader its message already, and a reader that has taken the first part
of it would take the next message for the rest. It stays under way instead: at most one message comes late, none is cut.

Windows only. `_winapi` is what CPython's own `multiprocessing`, `subprocess` and `asyncio` call there.
"""

import importlib
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any


def open_pipe(buffer_bytes: int) -> tuple[Connection, Connection]:
    """Both ends of a pipe, each with room for so many bytes that nobody has read yet. No handle is inherited.

    OSError: Windows gives none.
    """
    winapi = _winapi()
    address = connection.arbitrary_address("AF_PIPE")
    first = winapi.CreateNamedPipe(
        address,
        winapi.PIPE_ACCESS_DUPLEX | winapi.FILE_FLAG_OVERLAPPED | winapi.FILE_FLAG_FIRST_PIPE_INSTANCE,
        winapi.PIPE_TYPE_MESSAGE | winapi.PIPE_READMODE_MESSAGE | winapi.PIPE_WAIT,
        1,  # instance
        buffer_bytes,
        buffer_bytes,
        winapi.NMPWAIT_WAIT_FOREVER,
        winapi.NULL,
    )
    try:
        access = winapi.GENERIC_READ | winapi.GENERIC_WRITE
        flags = winapi.FILE_FLAG_OVERLAPPED
        second = winapi.CreateFile(address, access, 0, winapi.NULL, winapi.OPEN_EXISTING, flags, winapi.NULL)
    except BaseException:
        winapi.CloseHandle(first)
        raise
    ends = _end(first), _end(second)
    try:
        winapi.SetNamedPipeHandleState(second, winapi.PIPE_READMODE_MESSAGE, None, None)
        winapi.ConnectNamedPipe(first, overlapped=True).GetOverlappedResult(True)  # the other end is there already
    except BaseException:
        for end in ends:
            end.close()
        raise
    return ends


class TimedWriter:
    """Writes messages into one end of a pipe. One thread."""

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._write: Any = None
        """The overlapped write that has found no room; None when there is none."""

    def write(self, message: bytes, timeout_s: float) -> bool:
        """Write this message; False when there is no room within this time.

        The message then is on its way all the same if the one before it was read: it comes late. OSError: the other
        end is gone, or ours is closed.
        """
        if not self._is_done(timeout_s):
            return False
        self._write, _ = _winapi().WriteFile(self._end.fileno(), message, overlapped=True)
        return self._is_done(timeout_s)

    def cancel(self) -> None:
        """Give up what is under way. Before the end is closed: Windows may give its handle's number to another."""
        write, self._write = self._write, None
        if write is not None:
            with suppress(OSError):  # the other end is gone
                write.cancel()
                write.GetOverlappedResult(True)  # Windows writes into it until then

    def _is_done(self, timeout_s: float) -> bool:
        if self._write is None:
            return True
        winapi = _winapi()
        timeout_ms = round(timeout_s * 1000)
        if winapi.WaitForMultipleObjects([self._write.event], False, timeout_ms) == winapi.WAIT_TIMEOUT:
            return False
        write, self._write = self._write, None
        write.GetOverlappedResult(True)  # raises what became of it
        return True


def _end(handle: int) -> Connection:
    ends: Any = connection  # PipeConnection is defined on Windows alone
    end: Connection = ends.PipeConnection(handle)
    return end


def _winapi() -> Any:
    return importlib.import_module("_winapi")
