"""Windows message pipes with large buffers and a timeout for writes.

`multiprocessing.Pipe` makes pipes of 8 KiB, and its `send_bytes` waits for ever if a message does
not fit and the other end does not read. See BUFSIZE, and WaitForMultipleObjects with INFINITE, in
CPython's Lib/multiprocessing/connection.py. A child is sent more than that before its interpreter
runs, so its supervisor thread would block; and for ever if the child is stopped, which is what that
thread must notice.

So the pipe gets the size that the messages need: a write completes at once while the buffer has
room (CreateNamedPipe, nOutBufferSize). A write without room waits until the caller's timeout. It is
not cancelled then, because the reader may have read the first part of the message already. It stays
pending: at most one message arrives late, and none is cut.

Windows only. `_winapi` is what CPython's own `multiprocessing`, `subprocess` and `asyncio` call
there.
"""

import importlib
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from engine.system.undoing import undo_on_error


def open_pipe(buffer_bytes: int) -> tuple[Connection, Connection]:
    """Both ends of a new pipe, each buffering `buffer_bytes` bytes. Handles are not inheritable.
    May raise OSError."""
    winapi = _winapi()
    ends_of: Any = connection  # typeshed lacks arbitrary_address
    address = ends_of.arbitrary_address("AF_PIPE")
    first = winapi.CreateNamedPipe(
        address,
        winapi.PIPE_ACCESS_DUPLEX
        | winapi.FILE_FLAG_OVERLAPPED
        | winapi.FILE_FLAG_FIRST_PIPE_INSTANCE,
        winapi.PIPE_TYPE_MESSAGE | winapi.PIPE_READMODE_MESSAGE | winapi.PIPE_WAIT,
        1,  # instance
        buffer_bytes,
        buffer_bytes,
        winapi.NMPWAIT_WAIT_FOREVER,
        winapi.NULL,
    )
    with undo_on_error(lambda: winapi.CloseHandle(first)):
        access = winapi.GENERIC_READ | winapi.GENERIC_WRITE
        flags = winapi.FILE_FLAG_OVERLAPPED
        second = winapi.CreateFile(
            address, access, 0, winapi.NULL, winapi.OPEN_EXISTING, flags, winapi.NULL
        )
    ends = _end(first), _end(second)
    try:
        winapi.SetNamedPipeHandleState(second, winapi.PIPE_READMODE_MESSAGE, None, None)
        # the other end is connected already
        winapi.ConnectNamedPipe(first, overlapped=True).GetOverlappedResult(True)
    except BaseException:
        for end in ends:
            end.close()
        raise
    return ends


class TimedWriter:
    """Writes messages into one end of a pipe. Use it on one thread."""

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._write: Any = None
        """The pending overlapped write, or None."""

    def write(self, message: bytes, timeout_s: float) -> bool:
        """Write this message; False if there is no room within this time. It may still arrive
        later, if the message before it was read. OSError: the other end is closed, or ours is
        closed."""
        if not self._is_done(timeout_s):
            return False
        self._write, _ = _winapi().WriteFile(self._end.fileno(), message, overlapped=True)
        return self._is_done(timeout_s)

    def cancel(self) -> None:
        """Cancel the pending write. Call it before closing the end, because Windows may reuse its
        handle's number."""
        write = self._write
        self._write = None
        if write is not None:
            with suppress(OSError):  # the other end is closed
                write.cancel()
                write.GetOverlappedResult(True)  # Windows uses its buffer until then

    def _is_done(self, timeout_s: float) -> bool:
        if self._write is None:
            return True
        winapi = _winapi()
        timeout_ms = round(timeout_s * 1000)
        if (
            winapi.WaitForMultipleObjects([self._write.event], False, timeout_ms)
            == winapi.WAIT_TIMEOUT
        ):
            return False
        write = self._write
        self._write = None
        write.GetOverlappedResult(True)  # raises its error
        return True


def _end(handle: int) -> Connection:
    ends: Any = connection  # PipeConnection is defined on Windows only
    end: Connection = ends.PipeConnection(handle)
    return end


def _winapi() -> Any:
    return importlib.import_module("_winapi")
