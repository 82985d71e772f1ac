"""Typed messages between the engine and a child: MessagePack over a duplex `multiprocessing`
connection.

The expected messages are declared as a union of tagged `msgspec.Struct`s and checked on arrival. A
message of another version, or a damaged one, is an error with its reason, and the pipe still works.
At most 60 KiB: pictures and sound go through rings.

A stopped process reads nothing. Messages to it fill the pipe, and the next write would block the
very thread that must notice the hang. So `send` waits for room for at most a second. A message of
up to 16 KiB is written by one system call, so only a longer one can be cut when its sender is
stopped. On Windows none can: see `windows_pipe`.
"""

import os
import select
import socket
import sys
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

import msgspec

from engine.errors import ControlPipeError, PipeClosedError
from engine.ipc import windows_pipe

MAX_BYTES = 60 * 1024
# Linux gives 208 KiB, macOS 8, where a long message would wait for its reader
PIPE_BYTES = 3 * MAX_BYTES
NEW_PIPE_BYTES = 256 * 1024
ROOM_WAIT_S = 1.0
MAX_PRINTED_BYTES = 40  # of an invalid message, in its error

Received = TypeVar("Received")


def open_pipe() -> tuple[Connection, Connection]:
    """Both ends of a new pipe for two ControlPipes, with room for all messages to a starting
    process. OSError."""
    if sys.platform == "win32":
        return windows_pipe.open_pipe(NEW_PIPE_BYTES)
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NEW_PIPE_BYTES)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NEW_PIPE_BYTES)
    return Connection(ends[0].detach()), Connection(ends[1].detach())


class ControlPipe(Generic[Received]):
    """One end of a pipe that carries typed messages. `receives` is the union of Structs that the
    other end may send. One thread at a time may send and one may receive; these may be different
    threads."""

    def __init__(self, connection: Connection, receives: Any) -> None:
        self.connection = connection
        """For `multiprocessing.connection.wait`: ready when there is a message, or the other end is
        closed."""
        _widen(connection)
        self._timed_writer = (
            windows_pipe.TimedWriter(connection) if sys.platform == "win32" else None
        )
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Received] = msgspec.msgpack.Decoder(receives)

    def send(self, message: msgspec.Struct) -> None:
        """Write one message, without waiting until it is read. Raises PipeClosedError when the
        other end is closed, ControlPipeError when the message is too long, or finds no room within
        a second, because the other end does not read. (On Windows it may still arrive later.)"""
        packed = self._encoder.encode(message)
        if len(packed) > MAX_BYTES:
            packed_as = f"a {type(message).__name__} of {len(packed)} bytes"
            raise ControlPipeError(f"control pipe: {packed_as} is too long (at most {MAX_BYTES})")
        try:
            is_sent = self._write(packed)
        except OSError as error:
            raise PipeClosedError(
                f"control pipe: the other end is gone ({error.strerror or error})"
            ) from error
        if not is_sent:
            raise ControlPipeError(
                f"control pipe: no room for a {type(message).__name__}: the other end does not read"
            )

    def receive(self, timeout_s: float | None = 0.0) -> Received | None:
        """The next message, or None if none arrives within `timeout_s` (None: waits forever).
        Raises PipeClosedError when the other end is closed and all its messages are read,
        ControlPipeError for one not in `receives`; the next can still be read."""
        try:
            if not self.connection.poll(timeout_s):
                return None
            packed = self.connection.recv_bytes(MAX_BYTES)
        except EOFError as error:
            raise PipeClosedError("control pipe: the other end is gone") from error
        except OSError as error:
            raise PipeClosedError(
                f"control pipe: the other end is gone ({error.strerror or error})"
            ) from error
        try:
            return self._decoder.decode(packed)
        except msgspec.DecodeError as error:  # ValidationError is one
            start = packed[:MAX_PRINTED_BYTES] + (
                b"..." if len(packed) > MAX_PRINTED_BYTES else b""
            )
            raise ControlPipeError(
                f"control pipe: unreadable message: {error} (it begins with {start!r})"
            ) from error

    def close(self) -> None:
        """Close this end of the pipe. The other end can still read the messages left."""
        if self._timed_writer is not None:
            self._timed_writer.cancel()
        self.connection.close()

    def _write(self, packed: bytes) -> bool:
        """Write; False if there is no room within a second."""
        if self._timed_writer is not None:
            return self._timed_writer.write(packed, ROOM_WAIT_S)
        if not _has_room(self.connection):
            return False
        self.connection.send_bytes(packed)
        return True


def _widen(connection: Connection) -> None:
    """Enlarge the send buffer if the system's is small. Not on Windows, where the pipe is no
    socket."""
    if sys.platform == "win32":
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < PIPE_BYTES:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)


def _has_room(connection: Connection) -> bool:
    """True once a message can be written without waiting; False after a second. Not on Windows."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)
    # also when the other end is gone: the write then says so
    return bool(poll.poll(ROOM_WAIT_S * 1000))
