"""The sender of a packet, and the reply to it."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import MultiverseError
from engine.osc.encode import ReplyValue, encode_reply
from engine.system.plain_text import one_line
from osc_schema import Rejected

NO_PORT = "takes no port over a WebSocket: answers use the same connection"

SocketAddress = tuple[Any, ...]
"""An address of the `socket` module: (host, port), with flow and zone for IPv6."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    """The program at the other end: author of values and target of packets."""

    name: str
    """`udp 127.0.0.1:5000`, `tcp ...`, `ws ...`: recorded in the store as the author of a value."""
    post: Callable[[bytes], None]
    """Queues one packet for this peer. Any thread; never blocks: if the queue is full, drops and
    counts the packet."""
    at_port: "Callable[[int], Sender] | None"
    """The same host at another UDP port; never another host, so that nobody can direct many packets
    at a third party. None if it can be answered over its own connection only (a WebSocket)."""

    def at(self, port: float) -> "Sender | None":
        """The same host at another UDP port, or None if it can be answered over its own connection
        only."""
        return None if self.at_port is None else self.at_port(int(port))


class Reply:
    """Sends the answers to one command, from any thread, at any time, any number of times."""

    __slots__ = ("_ended", "_log", "_post", "command", "sender", "sent")

    def __init__(
        self,
        command: str,
        post: Callable[[bytes], None],
        log: Callable[[str], None] = lambda line: None,
        sender: str = "",
    ) -> None:
        """`log(line)` also shows a failure to the operator; it must not block. `sender`: name of
        the sender."""
        self.command = command
        self.sender = sender
        self.sent = 0
        """Number of messages sent with `send`: the entries of a listing."""
        self._ended: Callable[[], None] | None = None
        self._post = post
        self._log = log

    def send(self, address: str, *values: ReplyValue) -> None:
        self.sent += 1
        self._post(encode_reply(address, *values))

    def done(self, *values: ReplyValue) -> None:
        """Answer `/done <command> <values>`: the command succeeded."""
        self._post(encode_reply("/done", self.command, *values))
        self._end()

    def fail(self, reason: str, *, is_logged: bool = True) -> None:
        """Answer `/fail <command> <reason>`. Set `is_logged` to False for superseded commands,
        which are not mistakes, and for failures that are reported elsewhere."""
        if is_logged:
            self._log(f"{self.command}: {one_line(reason)}")
        self._post(failure(self.command, reason))
        self._end()

    def when_ended(self, action: Callable[[], None]) -> None:
        """Call `action()` once, with the first `/done` or `/fail`. Before the command runs."""
        self._ended = action

    def _end(self) -> None:
        ended = self._ended
        self._ended = None
        if ended is not None:
            ended()

    def attempt(self, action: Callable[[], None]) -> None:
        """Run a part of the command, and answer `/fail` with any error; an unforeseen one is raised
        again."""
        try:
            action()
        except (MultiverseError, Rejected) as error:
            self.fail(str(error))
        except Exception as error:
            self.fail(f"internal error: {type(error).__name__} (see the log)", is_logged=False)
            raise


def failure(command: str, reason: str) -> bytes:
    """The packet `/fail <command> <reason>`, the reason in one line: a datagram of more than 64 kB
    cannot be sent, and the sender would get no answer."""
    return encode_reply("/fail", command, one_line(reason))


def host_of(sender_name: str) -> str:
    """The name without its port: `udp 127.0.0.1` for `udp 127.0.0.1:5000`."""
    return sender_name.rpartition(":")[0]


def numeric_localhost(host: str) -> str:
    """Replace `localhost` by 127.0.0.1, the address that programs send to: the name may resolve to
    ::1 first."""
    return "127.0.0.1" if host.casefold() == "localhost" else host


def addresses_of(
    host: str, port: int, kind: socket.SocketKind, family: int = socket.AF_UNSPEC
) -> list[Any]:
    """`socket.getaddrinfo` that also raises OSError, with a reason, for malformed host names."""
    try:
        return socket.getaddrinfo(numeric_localhost(host), port, family=family, type=kind)
    except ValueError:  # two dots in a row, a label of more than 63 characters, a NUL
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None


def display_address(host: str, port: int) -> str:
    """Format an address: `127.0.0.1:9000`, `[::1]:9000`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
